#!/bin/sh
# packages.sh PATTERN: lists the packages whose test files hold a line that matches the basic regular expression.
grep -rl --include='*_test.go' -e "$1" . | sed 's,/[^/]*$,,' | sort -u
