package opensearch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// The bounds of a bulk request: large enough that the cluster is not asked often, small enough that a worker holds three of them.
const (
	bulkBytes   = 4 << 20
	bulkFlights = 2
)

// bulk writes documents, some megabytes at once. At most bulkFlights requests are under way: who adds more waits, so that the cluster sets the pace and memory stays bounded.
type bulk struct {
	ctx    context.Context //nolint:containedctx // a bulk lives as long as the call that makes it
	client *client
	path   string
	now    *request
	free   chan struct{}
	wait   sync.WaitGroup

	mu  sync.Mutex
	err error // the first
}

// request is a bulk request: its documents, each in two lines.
type request struct {
	body  bytes.Buffer
	names []string
	ends  []int // of the documents in body
}

func newBulk(ctx context.Context, c *client, target string) *bulk {
	return &bulk{ctx: ctx, client: c, path: "/" + target + "/_bulk", now: &request{}, free: make(chan struct{}, bulkFlights)}
}

// add adds a document. An error may be that of another.
func (b *bulk) add(name string, doc any) error {
	line, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("opensearch: %w", err)
	}
	if b.now.body.Len() > 0 && b.now.body.Len()+len(line) > bulkBytes {
		if err := b.flush(); err != nil {
			return err
		}
	}
	fmt.Fprintf(&b.now.body, "{\"index\":{\"_id\":%q}}\n%s\n", name, line)
	b.now.names, b.now.ends = append(b.now.names, name), append(b.now.ends, b.now.body.Len())
	return nil
}

func (b *bulk) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// flush sends what was added, when there is room.
func (b *bulk) flush() error {
	if err := b.failed(); err != nil {
		return err
	}
	if len(b.now.names) == 0 {
		return nil
	}
	r := b.now
	b.now = &request{}
	select {
	case b.free <- struct{}{}:
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
	b.wait.Go(func() {
		defer func() { <-b.free }()
		if err := b.send(r); err != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.err = errors.Join(b.err, err)
		}
	})
	return nil
}

// close sends the rest and waits for all.
func (b *bulk) close() error {
	err := b.flush()
	b.wait.Wait()
	return cmp.Or(b.failed(), err)
}

// send sends a request, and again those of its documents for which the cluster had no room.
func (b *bulk) send(r *request) error {
	begun := b.client.now()
	for try := 0; ; try++ {
		var answer struct {
			Errors bool                `json:"errors"`
			Items  []map[string]result `json:"items"`
		}
		if err := b.client.do(b.ctx, http.MethodPost, b.path, nil, r.body.Bytes(), &answer); err != nil {
			return fmt.Errorf("documents %s to %s: %w", r.names[0], r.names[len(r.names)-1], err)
		}
		if !answer.Errors {
			return nil
		}
		if len(answer.Items) != len(r.names) {
			return fmt.Errorf("opensearch: %d documents were sent, and the answer is about %d", len(r.names), len(answer.Items))
		}
		rest := &request{}
		var last result
		for i, item := range answer.Items {
			got := item["index"]
			switch {
			case got.Error == nil:
				continue
			case !passing(got.Status):
				return fmt.Errorf("opensearch: document %s: the cluster answers %d: %s", r.names[i], got.Status, got.Error)
			}
			from := 0
			if i > 0 {
				from = r.ends[i-1]
			}
			rest.body.Write(r.body.Bytes()[from:r.ends[i]])
			rest.names, rest.ends = append(rest.names, r.names[i]), append(rest.ends, rest.body.Len())
			last = got
		}
		if b.client.now().Sub(begun) > b.client.patience {
			return fmt.Errorf("opensearch: %d documents, the first %s, given up after %d tries: the cluster answers %d: %s", len(rest.names), rest.names[0], try+1, last.Status, last.Error)
		}
		if err := pause(b.ctx, try); err != nil {
			return err
		}
		r = rest
	}
}

// result is what the cluster says of a document.
type result struct {
	Status int    `json:"status"`
	Error  *cause `json:"error"`
}
