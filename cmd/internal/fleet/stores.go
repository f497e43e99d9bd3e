package fleet

import (
	"context"
	"errors"
	"os"
	"time"

	"casebook/index"
	"casebook/index/opensearch"
	"casebook/scale/blobs"
)

// casesVariable names the object storage that keeps the reports of an archive in OpenSearch; without it they lie in the cluster.
const casesVariable = "CASEBOOK_CASES"

// Stores opens the archives that are services, by the schemes of their addresses.
func Stores() map[string]func(context.Context, string) (index.Store, error) {
	out := map[string]func(context.Context, string) (index.Store, error){}
	for _, scheme := range opensearch.Schemes {
		out[scheme] = openStore
	}
	return out
}

func openStore(ctx context.Context, address string) (index.Store, error) {
	c, err := opensearch.Parse(address, os.Getenv)
	if err != nil {
		return nil, err
	}
	c.Now = time.Now
	var cases *blobs.Bucket
	if at := os.Getenv(casesVariable); at != "" {
		if cases, err = blobs.Open(ctx, at); err != nil {
			return nil, err
		}
		c.Files = cases.Files()
	}
	s, err := opensearch.Open(c)
	if err != nil {
		if cases != nil {
			_ = cases.Close() // the error at hand matters more
		}
		return nil, err
	}
	return &store{s, cases}, nil
}

// store is a store whose files may lie in object storage.
type store struct {
	*opensearch.Store
	cases *blobs.Bucket // nil for none
}

// Close closes the store and its object storage.
func (s *store) Close() error {
	err := s.Store.Close()
	if s.cases != nil {
		err = errors.Join(err, s.cases.Close())
	}
	return err
}
