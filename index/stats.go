package index

import (
	"cmp"
	"context"
	"io/fs"
	"path/filepath"
	"slices"
)

// Stats says how much is in an archive.
type Stats struct {
	Format      int     `json:"format,omitzero"`     // of an archive in a folder
	Generation  int     `json:"generation,omitzero"` // the same
	Cases       int     `json:"cases"`
	Held        int     `json:"held"`
	Uploads     int     `json:"uploads"`
	Received    int64   `json:"received"` // bytes of the uploads
	Kept        int     `json:"kept"`     // uploads whose bytes are in the archive
	Shards      int     `json:"shards"`
	CaseBytes   int64   `json:"case_bytes"`   // of reports and records
	IndexBytes  int64   `json:"index_bytes"`  // of shards
	UploadBytes int64   `json:"upload_bytes"` // of kept uploads
	Months      []Month `json:"months"`
}

// Month is what came into the archive in a month, UTC.
type Month struct {
	Month string `json:"month"` // 2012-03; "" if it is not known when
	Cases int    `json:"cases"`
	Bytes int64  `json:"bytes"` // of the uploads
}

// Stats implements [Measurer].
func (a *Archive) Stats(ctx context.Context) (Stats, error) {
	m, err := a.generation()
	if err != nil {
		return Stats{}, err
	}
	list := make([]Case, len(m.Cases))
	for i := range m.Cases {
		list[i] = m.Cases[i].public()
	}
	s := CountCases(list)
	s.Format, s.Generation = Format, m.Generation
	shards, uploads := map[string]bool{}, map[string]bool{}
	for i := range m.Cases {
		if err := ctx.Err(); err != nil {
			return Stats{}, err
		}
		c := &m.Cases[i]
		for _, u := range c.Uploads {
			if u.Kept && !uploads[u.SHA256] {
				uploads[u.SHA256] = true
				s.Kept++
				s.UploadBytes += treeSize(filepath.Join(a.dir, dirUploads, u.SHA256))
			}
		}
		s.CaseBytes += treeSize(filepath.Join(a.dir, dirCases, c.Name))
		if !shards[c.Shard] {
			shards[c.Shard] = true
			s.IndexBytes += treeSize(filepath.Join(a.dir, dirShards, c.Shard))
		}
	}
	s.Shards = len(shards)
	return s, nil
}

// CountCases counts cases and their uploads, as far as that is known without looking at how they are kept.
func CountCases(list []Case) Stats {
	s := Stats{Cases: len(list), Months: []Month{}}
	months := map[string]*Month{}
	for i := range list {
		c := &list[i]
		if c.Hold != "" {
			s.Held++
		}
		name := ""
		if !c.Added.IsZero() {
			name = c.Added.UTC().Format("2006-01")
		}
		if months[name] == nil {
			months[name] = &Month{Month: name}
		}
		months[name].Cases++
		for _, u := range c.Uploads {
			s.Uploads++
			s.Received += u.Bytes
			months[name].Bytes += u.Bytes
		}
	}
	for _, n := range months {
		s.Months = append(s.Months, *n)
	}
	slices.SortFunc(s.Months, func(a, b Month) int { return cmp.Compare(a.Month, b.Month) })
	return s
}

// treeSize is how many bytes the files below a folder have; what is gone counts nothing.
func treeSize(dir string) int64 {
	var n int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // removed meanwhile
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			n += info.Size()
		}
		return nil
	})
	return n
}
