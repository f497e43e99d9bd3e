package casebook

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"casebook/hive"
	"casebook/ingest"
	"casebook/ingest/extract"
	"casebook/ingest/logs"
	"casebook/internal/safeio"
)

// OpenHive reads a registry hive, a .reg export or the output of reg query from a file. The transaction logs that lie beside a hive that was being
// written are replayed.
func OpenHive(ctx context.Context, file string) (*hive.Hive, error) {
	in := ingest.Options{Readers: logs.All(), Extractors: extract.All(), Locales: locales}
	b, err := ingest.Open(ctx, file, in)
	if err != nil {
		return nil, err
	}
	defer func() { _ = b.Close() }() // only temporary files are left to lose
	contents, err := ingest.Read(ctx, []*ingest.Bundle{b}, in)
	if err != nil {
		return nil, err
	}
	for _, e := range contents.Extracted {
		if h, ok := e.Value.(*hive.Hive); ok {
			return withLogs(file, h)
		}
	}
	why := "it is neither a registry hive nor a .reg export nor output of reg query"
	for _, p := range contents.Problems {
		if p.Artifact != "" && p.Stage != ingest.StageDecode {
			why = p.Message
			break
		}
	}
	return nil, fmt.Errorf("open %q: %s", file, why)
}

// maxLog is how large a transaction log may be, which is as large as the part of a hive that changes between two flushes.
const maxLog = 1 << 30

// withLogs replays the logs in the folder of a dirty hive.
func withLogs(file string, h *hive.Hive) (*hive.Hive, error) {
	if dirty, _ := h.Dirty(); !dirty {
		return h, nil
	}
	dir := filepath.Dir(file)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return h, nil //nolint:nilerr // the hive can be read without the folder, and says that it is dirty
	}
	for _, stem := range []bool{false, true} {
		var found [][]byte
		for _, e := range entries {
			if !e.Type().IsRegular() || !hive.IsLogName(filepath.Base(file), e.Name(), stem) {
				continue
			}
			data, err := readFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("open transaction log: %w", err)
			}
			found = append(found, data)
		}
		if len(found) > 0 {
			return hive.OpenWithLogs(h.File(), found...)
		}
	}
	return h, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return safeio.ReadAll(f, maxLog)
}
