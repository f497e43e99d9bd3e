#!/bin/sh
# dist.sh OS/ARCH...: builds both programs for each platform into dist/, with the licences of everything linked into it and SHA256SUMS.
# VERSION, LDFLAGS and GOBUILD come from the Makefile.
set -e
rm -rf dist
mkdir dist
for platform in "$@"; do
	os=${platform%/*} arch=${platform#*/} suffix=
	[ "$os" != windows ] || suffix=.exe
	for program in casebook casebook-fleet; do
		name=$program-$VERSION-$os-$arch$suffix
		echo "$name"
		env GOOS="$os" GOARCH="$arch" sh -c "$GOBUILD -ldflags '$LDFLAGS' -o 'dist/$name' ./cmd/$program"
	done
done
cp LICENSE NOTICE dist/
sh scripts/licences.sh "$@" >dist/THIRD-PARTY-LICENSES.txt
cd dist
if command -v sha256sum >/dev/null 2>&1; then
	sha256sum -- * >../SHA256SUMS.new
else
	shasum -a 256 -- * >../SHA256SUMS.new
fi
mv ../SHA256SUMS.new SHA256SUMS
cat SHA256SUMS
