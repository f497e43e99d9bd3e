#!/bin/sh
# Says in one line what `go test ./...` will skip on this machine, and why; nothing where it will skip nothing.
missing=
for tool in hivexget hivexml reglookup rg unzip systemd-analyze; do
	command -v "$tool" >/dev/null 2>&1 || missing="$missing, $tool is not installed"
done
if [ -z "$CASEBOOK_BROWSER" ]; then
	browser=
	for tool in chromium chromium-browser google-chrome google-chrome-stable chrome; do
		command -v "$tool" >/dev/null 2>&1 && browser=$tool && break
	done
	[ -n "$browser" ] || missing="$missing, no Chromium or Chrome is installed"
fi
[ -n "$CASEBOOK_AXE" ] || [ -f build/axe/axe.min.js ] || missing="$missing, axe-core is not there (make axe)"
[ -n "$CASEBOOK_CORPUS" ] || missing="$missing, there is no corpus of real files (CASEBOOK_CORPUS is unset and ../shared/corpus absent)"
[ -z "$missing" ] || echo "Some tests are skipped: ${missing#, }."
