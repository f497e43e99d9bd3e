#!/bin/sh
# bench.sh BINARY: measures whole runs of casebook, beside programs that read the same bytes, in one sitting.
#   BENCHMARK_BUNDLE  an upload; otherwise one is made, of BENCHMARK_MB megabytes (100)
#   BENCHMARK_HIVE    a hive; otherwise the largest one of $CASEBOOK_CORPUS/hives, if there is one
# Figures depend on the machine: compare those of one run only. docs/benchmarks.md holds the published ones.
bin=$1
out=build/bench
mkdir -p "$out"

bundle=$BENCHMARK_BUNDLE
if [ -z "$bundle" ]; then
	mb=${BENCHMARK_MB:-100}
	bundle=build/bench-$mb.zip
	[ -f "$bundle" ] || go run ./internal/benchbundle -mb "$mb" -o "$bundle" || exit
fi
hive=$BENCHMARK_HIVE
if [ -z "$hive" ] && [ -n "$CASEBOOK_CORPUS" ]; then
	hive=$(find "$CASEBOOK_CORPUS/hives" -type f -exec ls -S {} + 2>/dev/null | head -n 1)
fi

quiet='--quiet --no-progress'

# compare COMMAND...: runs each command several times and says how long it takes.
compare() {
	if command -v hyperfine >/dev/null 2>&1; then
		hyperfine --style basic --warmup 1 --runs 5 "$@"
		return
	fi
	echo '(hyperfine is not installed: one run each)'
	for command in "$@"; do
		echo "$command"
		# shellcheck disable=SC2016
		sh -c "$command" >/dev/null && sh -c 'time -p sh -c "$1"' sh "$command"
	done
}

# peak COMMAND...: runs a command and says how much memory it had at most.
peak() {
	if /usr/bin/time -v true >/dev/null 2>&1; then
		/usr/bin/time -v "$@" 2>&1 >/dev/null | awk -F ': ' '/Maximum resident/ { printf "%.0f MB at most: ", $2 / 1024 }'
	elif /usr/bin/time -l true >/dev/null 2>&1; then
		/usr/bin/time -l "$@" 2>&1 >/dev/null | awk '/maximum resident/ { printf "%.0f MB at most: ", $1 / 1048576 }'
	else
		echo '(no /usr/bin/time: memory was not measured)'
		return
	fi
	echo "$*"
}

echo "== $bundle, $(wc -c <"$bundle") bytes"
set -- "'$bin' analyze $quiet --no-archive -o $out/report '$bundle'" "'$bin' analyze $quiet -o $out/indexed '$bundle'"
if command -v unzip >/dev/null 2>&1 && unzip -l "$bundle" >/dev/null 2>&1; then
	unzip -l "$bundle" | tail -n 1
	set -- "unzip -p '$bundle' >/dev/null" "$@"
fi
compare "$@"
peak "$bin" analyze $quiet --no-archive -o "$out/report" "$bundle"
peak "$bin" analyze $quiet -o "$out/indexed" "$bundle"
du -sk "$out/indexed/archive" 2>/dev/null | awk '{ printf "%.1f MB of index\n", $1 / 1024 }'

if [ -n "$hive" ]; then
	echo "== $hive, $(wc -c <"$hive") bytes"
	set -- "'$bin' hive ls '$hive' >/dev/null" # which reads the whole hive
	! command -v hivexml >/dev/null 2>&1 || set -- "hivexml '$hive' >/dev/null" "$@"
	compare "$@"
	peak "$bin" hive ls "$hive"
else
	echo '(no hive was measured: set BENCHMARK_HIVE)'
fi
