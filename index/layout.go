package index

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Format is the version of the archive's layout that this program writes, and the newest that it reads. The shards of format 1 and the manifests of formats 1 and 2
// are read as they are; the first change of such an archive makes it one of this format, which no earlier version reads.
const Format = 3

// ErrNoArchive says that a directory is not an archive.
var ErrNoArchive = errors.New("it is not an archive (casebook.json is missing)")

// The names in an archive.
const (
	fileArchive  = "casebook.json"
	fileLock     = "lock"
	fileHolder   = "holder"
	fileCompact  = "compacting"
	dirCases     = "cases"
	dirShards    = "shards"
	dirTmp       = "tmp"
	dirUploads   = "uploads"
	dirParts     = "parts"
	generationIs = "generation-"

	fileCase     = "case.json"
	fileReport   = "report.json"
	fileFindings = "findings.json"
	fileProfile  = "profile.json"
	fileBlocks   = "blocks"
	fileRecords  = "records"
	fileHistory  = "history.json"
	fileFacts    = "facts"
	fileSources  = "sources"

	fileShard = "shard.json"
	dirStore  = "store"
)

// header is casebook.json.
type header struct {
	Format int `json:"format"`
}

// checkFormat reads casebook.json in dir and refuses what this program can't read.
func checkFormat(dir string) error {
	_, err := formatOf(dir)
	return err
}

// formatOf reads casebook.json in dir, refuses what this program can't read, and returns the version.
func formatOf(dir string) (int, error) {
	b, err := readFile(dir, fileArchive)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("archive %q: %w", dir, ErrNoArchive)
	} else if err != nil {
		return 0, fmt.Errorf("archive: %w", err)
	}
	var h header
	if err := json.Unmarshal(b, &h); err != nil || h.Format < 1 {
		return 0, fmt.Errorf("archive %q: casebook.json is damaged: it states no format version", dir)
	}
	if h.Format > Format {
		return 0, fmt.Errorf("archive %q has format %d, and this version of casebook reads up to format %d; use a newer casebook", dir, h.Format, Format)
	}
	return h.Format, nil
}

// plainName reports whether s can be the name of a folder on every system, and is nothing else.
func plainName(s string) bool {
	if s == "" || len(s) > 120 || s[0] == '.' || s[len(s)-1] == '.' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '.' && c != '-' && c != '_' && c != '~' {
			return false
		}
	}
	switch base, _, _ := strings.Cut(s, "."); base { // Windows' device names
	case "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
		"lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9":
		return false
	}
	return true
}

// isSum tells whether s is a SHA-256 in lower-case hex.
func isSum(s string) bool {
	return len(s) == hex.EncodedLen(sha256.Size) && strings.Trim(s, "0123456789abcdef") == ""
}

// folderName makes the name of a case's folders in a generation. It begins with the ID where it can, so that a person finds it.
func folderName(id string, generation int) string {
	name, sum := strings.ToLower(id), sha256.Sum256([]byte(id))
	switch {
	case len(name) > 80 || !plainName(name) || strings.Contains(name, "~"):
		name = "x" + hex.EncodeToString(sum[:16])
	case name != id:
		name += "-" + hex.EncodeToString(sum[:4])
	}
	return name + "~" + strconv.Itoa(generation)
}

// newCaseKey makes the case's part of its documents' IDs. It can't be made from the case's ID, which may be the hash of an upload that
// is known only when all of it has been read.
func newCaseKey() string {
	var key [8]byte
	_, _ = rand.Read(key[:]) // never fails
	return hex.EncodeToString(key[:])
}

// documentID names the block seq of an artifact. It has the same length for all.
func documentID(key string, artifact, seq uint32) string {
	return fmt.Sprintf("%s%08x%08x", key, artifact, seq)
}

// parseDocumentID takes a documentID apart.
func parseDocumentID(id string) (key string, artifact, seq uint32, ok bool) {
	if len(id) != 32 {
		return "", 0, 0, false
	}
	a, err1 := strconv.ParseUint(id[16:24], 16, 32)
	s, err2 := strconv.ParseUint(id[24:], 16, 32)
	return id[:16], uint32(a), uint32(s), err1 == nil && err2 == nil
}

// readFile reads a file of a folder, and nothing outside of it.
func readFile(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	b, err := root.ReadFile(name)
	return b, errors.Join(err, root.Close())
}

// writeFile writes a file of a folder that is wholly there or not at all, also after a crash.
func writeFile(dir, name string, b []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	err = writeAside(root, name, b)
	if err != nil {
		_ = root.Remove(name + newSuffix)
	}
	if err = errors.Join(err, root.Close()); err != nil {
		return err
	}
	return syncDir(dir)
}

// newSuffix is behind the name of a file that is not complete.
const newSuffix = ".new"

func writeAside(root *os.Root, name string, b []byte) error {
	f, err := root.Create(name + newSuffix)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return root.Rename(name+newSuffix, name)
}

// syncTree makes everything in dir durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return syncDir(path)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // a file that was just written
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
