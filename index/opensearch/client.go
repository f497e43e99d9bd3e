package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/opensearch-project/opensearch-go/v4/opensearchtransport"

	"casebook/internal/safeio"
)

// The bounds of one request and of the waiting between tries.
const (
	maxAnswer   = 256 << 20 // bytes of an answer: what was asked for is bounded more closely
	tryTime     = time.Minute
	shardTime   = "20s" // how long a node waits for a shard that can't be written just now before it says so: well within a try, so that its reason is heard
	firstWait   = 100 * time.Millisecond
	longestWait = 5 * time.Second
)

// statusError is an answer that is no success.
type statusError struct {
	status int
	reason string
}

func (e *statusError) Error() string {
	if e.reason == "" {
		return fmt.Sprintf("the cluster answers %d %s", e.status, http.StatusText(e.status))
	}
	return fmt.Sprintf("the cluster answers %d: %s", e.status, e.reason)
}

// isStatus tells whether err is an answer with one of these statuses.
func isStatus(err error, statuses ...int) bool {
	var e *statusError
	return errors.As(err, &e) && slices.Contains(statuses, e.status)
}

// passing tells whether a status says that the same request may succeed later.
func passing(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// client speaks to the cluster. Requests are tried again, on another node, while that may help; all of them may be sent twice.
type client struct {
	transport *opensearchtransport.Client
	header    map[string]string
	patience  time.Duration
	now       func() time.Time
	stop      context.CancelFunc
}

func newClient(c *Config) (*client, error) {
	ctx, stop := context.WithCancel(context.Background())
	own, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		stop()
		return nil, errors.New("opensearch: the process has no ordinary HTTP transport")
	}
	t, err := opensearchtransport.New(opensearchtransport.Config{
		URLs: c.Hosts, Username: c.User, Password: c.Password, CACert: c.CA, Transport: own.Clone(), Context: ctx,
		DisableRetry: true, // every try and its waiting is ours, and ends with the caller's context
		// A node that did not answer is tried again soon; the other nodes do the work meanwhile.
		ResurrectTimeoutInitial: time.Second, ResurrectTimeoutMax: longestWait,
		NodeStatsInterval: -1, MaxRetryClusterHealth: -1,
	})
	if err != nil {
		stop()
		return nil, fmt.Errorf("opensearch: %w", err)
	}
	header := map[string]string{}
	maps.Copy(header, c.Header)
	if c.APIKey != "" {
		header["Authorization"] = "ApiKey " + c.APIKey
	}
	return &client{transport: t, header: header, patience: c.Patience, now: c.Now, stop: stop}, nil
}

// do sends a request, tries it again while the cluster is overloaded or a node is away, and reads the answer into out, which may be nil. body is nil, bytes or a
// value for JSON.
func (c *client) do(ctx context.Context, method, path string, params url.Values, body, out any) error {
	b, isBytes := body.([]byte)
	if body != nil && !isBytes {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return fmt.Errorf("opensearch: %w", err)
		}
	}
	if writes(method, path) {
		if params = maps.Clone(params); params == nil {
			params = url.Values{}
		}
		params.Set("timeout", shardTime)
	}
	begun := c.now()
	for try := 0; ; try++ {
		err := c.once(ctx, method, path, params, b, out)
		if err == nil {
			return nil
		}
		var status *statusError
		again := !errors.As(err, &status) || passing(status.status)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !again {
			return fmt.Errorf("opensearch: %s %s: %w", method, path, err)
		}
		if spent := c.now().Sub(begun); spent > c.patience {
			return fmt.Errorf("opensearch: %s %s: given up after %d tries in %s: %w", method, path, try+1, spent.Round(time.Second), err)
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// writes tells whether a request writes documents. Others know no such time or, as those that make indexes, have one that is as short.
func writes(method, path string) bool {
	return method != http.MethodGet && (strings.HasSuffix(path, "/_bulk") || strings.Contains(path, "/_doc/") || strings.Contains(path, "/_update/"))
}

// pause waits before the next try: twice as long each time, and between half and all of that, so that clients that were refused together do not come together again.
func pause(ctx context.Context, try int) error {
	wait := longestWait
	if try < 6 {
		wait = min(wait, firstWait<<try)
	}
	wait = wait/2 + rand.N(wait/2) //nolint:gosec // not a secret
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// once sends a request.
func (c *client) once(ctx context.Context, method, path string, params url.Values, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, path, in)
	if err != nil {
		return err
	}
	req.URL.RawQuery = params.Encode()
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		if strings.HasSuffix(path, "/_bulk") {
			req.Header.Set("Content-Type", "application/x-ndjson")
		}
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	res, err := c.transport.Stream(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	answer, err := safeio.ReadAll(res.Body, maxAnswer)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode >= 300 {
		return &statusError{res.StatusCode, reason(answer)}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("the answer is no JSON: %w", err)
	}
	return nil
}

// reason is what an answer says is wrong.
func reason(answer []byte) string {
	var e struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(answer, &e) != nil || len(e.Error) == 0 {
		return ""
	}
	var cause cause
	if json.Unmarshal(e.Error, &cause) == nil && cause.Type != "" {
		return cause.String()
	}
	return string(e.Error[:min(len(e.Error), 300)])
}

// cause is an error as OpenSearch describes it.
type cause struct {
	Type   string  `json:"type"`
	Reason string  `json:"reason"`
	Root   []cause `json:"root_cause"`
}

func (c cause) String() string {
	s := c.Type + ": " + c.Reason
	if len(c.Root) > 0 && c.Root[0].Reason != "" && c.Root[0].Reason != c.Reason {
		s += " (" + c.Root[0].Type + ": " + c.Root[0].Reason + ")"
	}
	return s[:min(len(s), 500)]
}

func (c *client) close() {
	c.stop()
	_ = c.transport.Close()
}
