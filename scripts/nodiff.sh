#!/bin/sh
# nodiff.sh COMMAND...: runs the command and fails if that changed the work tree, uncommitted changes aside.
state() { git status --porcelain && git diff HEAD; }
before=$(state | cksum)
"$@" || exit
if [ "$(state | cksum)" != "$before" ]; then
	git status --short
	git diff --stat
	echo "nodiff: '$*' changed the work tree; commit what it writes" >&2
	exit 1
fi
