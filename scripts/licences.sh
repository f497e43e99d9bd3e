#!/bin/sh
# licences.sh OS/ARCH...: prints the licence texts of every module that a program of any of these platforms is linked with.
# Fails where a module carries none.
set -e
modules=$(for platform in "$@"; do
	GOOS=${platform%/*} GOARCH=${platform#*/} CGO_ENABLED=0 go list -deps \
		-f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/casebook ./cmd/casebook-fleet
done | sort -u)

section() {
	printf '%s\n%s\n%s\n\n' '--------------------------------------------------------------------------------' "$1" \
		'--------------------------------------------------------------------------------'
}

section "The Go standard library and runtime"
cat "$(go env GOROOT)/LICENSE"
echo "$modules" | while read -r path version dir; do
	[ -n "$path" ] || continue
	section "$path $version"
	found=
	for file in "$dir"/LICEN[SC]E* "$dir"/UNLICEN[SC]E* "$dir"/COPYING* "$dir"/NOTICE* "$dir"/License*; do
		[ -f "$file" ] || continue
		case $(basename "$file") in LICEN*|UNLICEN*|COPYING*|License*) found=1 ;; esac
		cat "$file"
		echo
	done
	if [ -z "$found" ]; then
		echo "licences: $path $version carries no licence file" >&2
		exit 1
	fi
done
