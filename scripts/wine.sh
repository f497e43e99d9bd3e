#!/bin/sh
# Tries the Windows build under Wine: paths with drive letters, paths of more than 260 characters, a folder, a bundle dropped on the program, and that reports are the same bytes
# as elsewhere. Without Wine it says so and does nothing, unless CASEBOOK_REQUIRE_TOOLS is 1.
#
#	sh scripts/wine.sh CASEBOOK SAMPLES
#
# CASEBOOK is the program of this machine, SAMPLES the folder of the packed sample bundles.
set -eu

casebook=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
samples=$(cd "$2" && pwd)
wine=$(command -v wine64 || command -v wine || true)
for place in /usr/lib/wine/wine64 /usr/lib/wine/wine; do # Debian's package wine64 alone puts nothing in PATH
	[ -n "$wine" ] || [ ! -x "$place" ] || wine=$place
done
if [ -z "$wine" ]; then
	echo "wine.sh: no Wine here: the Windows build is not tried"
	[ "${CASEBOOK_REQUIRE_TOOLS:-}" != 1 ]
	exit
fi

work=$(mktemp -d)
export WINEPREFIX="$work/prefix" WINEDEBUG=-all WINEDLLOVERRIDES='mscoree=;mshtml=' DISPLAY=
finish() {
	wineserver=$(command -v wineserver || echo /usr/lib/wine/wineserver)
	[ ! -x "$wineserver" ] || "$wineserver" -k >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap finish EXIT
fail() {
	printf 'wine.sh: %s\n' "$*" >&2
	exit 1
}
run() { "$wine" "$work/casebook.exe" "$@" </dev/null; }

build() {
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go build -trimpath -buildvcs=false -ldflags "-X main.version=$("$casebook" --version | cut -d' ' -f2)" -o "$work/casebook.exe" "$@" ./cmd/casebook
}
build
"$wine" wineboot --init >/dev/null 2>&1 || true
system=$WINEPREFIX/drive_c/windows/system32
[ -d "$system" ] || fail "Wine made no Windows folder"
# Programs of Go want this library of Windows 7 and later, which Wine has from version 9 on.
[ -e "$system/bcryptprimitives.dll" ] || go run ./internal/peforward -o "$system/bcryptprimitives.dll" ProcessPrng=advapi32.SystemFunction036

c=$WINEPREFIX/drive_c
mkdir -p "$c/some where"
cp "$samples/several-problems.zip" "$c/some where/ticket.zip"
# Wine before 9 can't remove folders by the call that Go makes, which Windows 10 has. There the program is built so that Go always goes the way that it has for earlier Windows.
older=
run analyze 'C:\some where\ticket.zip' -o 'C:\probe' -q >"$work/probe.txt" 2>&1 || {
	grep -q 'Invalid function' "$work/probe.txt" || fail "analyze: $(cat "$work/probe.txt")"
	source=$(go env GOROOT)/src/internal/syscall/windows/at_windows.go
	sed 's/^var TestDeleteatFallback bool$/var TestDeleteatFallback = true/' "$source" >"$work/at_windows.go"
	! cmp -s "$source" "$work/at_windows.go" || fail "this Go has no switch for the way of earlier Windows"
	printf '{"Replace": {"%s": "%s"}}\n' "$source" "$work/at_windows.go" >"$work/overlay.json"
	build -overlay "$work/overlay.json"
	older=', removing files as on Windows 7'
	rm -rf "$c"/.probe.partial-*
}
"$casebook" analyze "$c/some where/ticket.zip" -o "$work/here" -q --no-progress >/dev/null

# Drive letters and blanks.
run analyze 'C:\some where\ticket.zip' -o 'C:\out\report' -q >"$work/drive.txt" 2>&1 || fail "analyze: $(cat "$work/drive.txt")"
grep -q 'out\\report\\index.html' "$work/drive.txt" || fail "the summary does not name the page: $(cat "$work/drive.txt")"
for file in report.json index.html note.txt request.txt; do
	cmp "$work/here/$file" "$c/out/report/$file" || fail "$file differs from that of this system"
done
run verify 'C:\out\report' --bundle 'C:\some where\ticket.zip' >/dev/null || fail "verify"
run search 1603 --archive 'C:\out\report\archive' >"$work/search.txt" || fail "search"
"$casebook" search 1603 --archive "$work/here/archive" >"$work/search-here.txt"
tr -d '\r' <"$work/search.txt" | cmp - "$work/search-here.txt" || fail "what search finds differs"
# The same place again: what is there is replaced.
run analyze 'C:\some where\ticket.zip' -o 'C:\out\report' -q >"$work/again.txt" 2>&1 || fail "analyze again: $(cat "$work/again.txt")"
cmp "$work/here/report.json" "$c/out/report/report.json" || fail "the second report differs"

# A path of more than 260 characters.
long='C:\long'
for i in 1 2 3 4 5 6; do
	long="$long\\a folder with a name of more than fifty characters, number $i"
done
run analyze 'C:\some where\ticket.zip' -o "$long" -q --no-archive >"$work/long.txt" 2>&1 || fail "a long path: $(cat "$work/long.txt")"
run render "$long" --format json >"$work/long.json" || fail "render"
cmp "$work/here/report.json" "$work/long.json" || fail "the report in the long path differs"

# A folder as a bundle.
mkdir -p "$c/folder"
(cd "$c/folder" && unzip -q "$samples/windows-pending-reboot.zip")
run analyze 'C:\folder' -o 'C:\out\folder' -q --no-archive >"$work/folder.txt" 2>&1 || fail "a folder: $(cat "$work/folder.txt")"
"$casebook" analyze "$c/folder" -o "$work/folder" -q --no-archive --no-progress >/dev/null
cmp "$work/folder/report.json" "$c/out/folder/report.json" || fail "the report of a folder differs"

# A bundle that is dropped on the program stands alone on its command line; the report is written beside it.
run 'C:\some where\ticket.zip' >"$work/drop.txt" 2>&1 || fail "a dropped bundle: $(cat "$work/drop.txt")"
cmp "$work/here/report.json" "$c/some where/ticket-report/report.json" || fail "the report of a dropped bundle differs"
left=$(find "$c" -name '.*partial*')
[ -z "$left" ] || fail "left behind: $left"

echo "wine.sh: analyze with its index, search, verify and render with drive letters, a long path, a folder and a dropped bundle: all as on this system$older"
