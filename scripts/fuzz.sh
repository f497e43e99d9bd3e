#!/bin/sh
# Fuzzes for FUZZTIME (e.g. 30s) each target that `go test -list` names. With FUZZTOTAL (seconds, e.g. 180s) only as many
# targets as fit into it, consecutive ones of the sorted list from a place that the commit's hash decides: one commit always fuzzes the same
# targets, and successive commits cover them all.
each=${FUZZTIME:-30s}
total=${FUZZTOTAL%s}

targets=$(go test -list '^Fuzz' $(sh scripts/packages.sh '^func Fuzz') | awk '
	/^Fuzz/ { name[n++] = $1 }
	$1 == "ok" { for (i = 0; i < n; i++) print $2, name[i] }
	$1 == "ok" || $1 == "?" { n = 0 }
	$1 == "FAIL" { print "FAIL" }' | sort)
case $targets in
*FAIL*) echo 'fuzz: a package does not build' >&2; exit 1 ;;
'') echo 'fuzz: no targets'; exit 0 ;;
esac
count=$(echo "$targets" | wc -l)

if [ -n "$total" ]; then
	share=$((total / ${each%s}))
	[ "$share" -ge 1 ] || share=1
	if [ "$share" -lt "$count" ]; then
		hash=$(git rev-parse HEAD 2>/dev/null | cut -c 1-7)
		first=$((0x${hash:-0} % count))
		echo "fuzz: $share of $count targets, from number $((first + 1))"
		targets=$(printf '%s\n%s\n' "$targets" "$targets" | sed -n "$((first + 1)),$((first + share))p")
	fi
fi

out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
failed=0
while read -r package target; do
	echo "fuzz: $target in $package for $each"
	# By default Go spends up to a minute on making each input of interest smaller, which for hives is all of the time there is.
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" -fuzzminimizetime 20x "$package" </dev/null >"$out" 2>&1 && { tail -n 2 "$out"; continue; }
	# The coordinator of Go before 1.27 now and then reports the end of its own time as a failure (https://go.dev/issue/75804): no input is
	# written then, and nothing else is said.
	if grep -q '^ *context deadline exceeded$' "$out" && ! grep -qE 'Failing input written|panic|_test\.go:[0-9]+' "$out"; then
		tail -n 5 "$out"
		echo 'fuzz: the time was up (https://go.dev/issue/75804), no failing input'
		continue
	fi
	cat "$out"
	failed=$((failed + 1))
done <<LIST
$targets
LIST
[ "$failed" -eq 0 ] || { echo "fuzz: $failed targets failed" >&2; exit 1; }
