#!/bin/sh
# bench-archive.sh BINARY: makes an archive of many cases and measures searches of it.
#   BENCHMARK_CASES    how many cases (100)
#   BENCHMARK_CASE_MB  megabytes of decoded logs in each (5)
#   BENCHMARK_OUT      the folder, which is removed first (build/bench-archive)
#   BENCHMARK_TEXT     1 keeps the decoded logs too and times rg over them
# The uploads are made, analysed and removed fifty at a time.
# Figures depend on the machine: compare those of one run only. docs/benchmarks.md holds the published ones.
bin=$1
cases=${BENCHMARK_CASES:-100}
mb=${BENCHMARK_CASE_MB:-5}
out=${BENCHMARK_OUT:-build/bench-archive}
rm -rf "$out"
mkdir -p "$out/text"
go build -o "$out/benchbundle" ./internal/benchbundle && go build -o "$out/benchsearch" ./internal/benchsearch || exit

echo "== $cases cases of $mb MB; load $(uptime | sed 's/.*average[s]*: //')"
first=0
seconds=0
while [ "$first" -lt "$cases" ]; do
	n=$((cases - first))
	[ "$n" -le 50 ] || n=50
	for customer in acme globex; do # the labels come from the path
		"$out/benchbundle" -mb "$mb" -cases $(((n + 1) / 2)) -first "$first" -o "$out/in/$customer" || exit
		first=$((first + (n + 1) / 2))
	done
	if [ "${BENCHMARK_TEXT:-0}" = 1 ]; then
		find "$out/in" -name '*.zip' -exec sh -c 'd=$1/$(basename "$2" .zip); mkdir -p "$d"; unzip -q -o "$2" -d "$d"' sh "$out/text" {} \;
	fi
	begun=$(date +%s%N)
	"$bin" batch "$out/in" --archive "$out/archive" --label '/(?P<customer>[^/]+)/(?P<ticket>INC\d+)' --quiet --no-progress >"$out/batch.txt" || {
		cat "$out/batch.txt"
		exit 1
	}
	seconds=$((seconds + ($(date +%s%N) - begun) / 1000000))
	rm -rf "$out/in"
done
echo "batch: $seconds ms for $first cases, $((first * mb * 1000 / (seconds + 1))) MB/s of decoded logs"
du -sm "$out/archive/cases" "$out/archive/shards"
set -- -archive "$out/archive" -bin "$bin"
if [ "${BENCHMARK_TEXT:-0}" = 1 ] && command -v rg >/dev/null 2>&1; then
	set -- "$@" -text "$out/text"
fi
"$out/benchsearch" "$@"
