#!/bin/sh
# Gets axe-core, with which a test looks at the pages as people who do not see them or use no mouse meet them, into build/axe: a fixed version, whose
# package has a fixed checksum. Nothing of it is in a binary. Does nothing where it is there already, and fails where npm is missing.
set -eu
version=4.10.3
sum=0f2b4d7dcdf7d1219df8d1959ad68e565f51d14c3f0d88bb71cd59abeb956292

cd "$(dirname "$0")/.."
[ ! -f build/axe/axe.min.js ] || exit 0
command -v npm >/dev/null || { echo 'axe-core needs npm' >&2; exit 1; }
mkdir -p build/axe.part
trap 'rm -rf build/axe.part' EXIT
(
	cd build/axe.part
	npm pack --silent "axe-core@$version" >/dev/null
	echo "$sum  axe-core-$version.tgz" | sha256sum -c - >/dev/null
	tar -xzf "axe-core-$version.tgz" package/axe.min.js
)
mkdir -p build/axe
mv build/axe.part/package/axe.min.js build/axe/axe.min.js
