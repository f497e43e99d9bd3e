// Package natstest runs real NATS servers with JetStream in the process of a test.
package natstest

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// patience is how long servers may take to start and to find each other.
const patience = 30 * time.Second

// Cluster is servers that hold one JetStream.
type Cluster struct {
	tb      testing.TB
	options []*server.Options
	servers []*server.Server // nil where one is stopped
}

// New starts n servers on loopback, which end with the test; several are a cluster.
func New(tb testing.TB, n int) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb, servers: make([]*server.Server, n)}
	dir := tb.TempDir()
	ports := free(tb, 2*n)
	var routes []*url.URL
	for i := range n {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", ports[n+i])})
	}
	for i := range n {
		o := &server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: ports[i], NoLog: true, NoSigs: true,
			JetStream: true, StoreDir: filepath.Join(dir, fmt.Sprintf("n%d", i)), JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 30,
		}
		if n > 1 {
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports[n+i], NoAdvertise: true}
			o.Routes = routes
		}
		c.options = append(c.options, o)
	}
	tb.Cleanup(func() {
		for i := range c.servers {
			c.Stop(i)
		}
	})
	for i := range n {
		c.Start(i)
	}
	end := time.Now().Add(patience)
	for n > 1 && !c.led() {
		if time.Now().After(end) {
			tb.Fatal("the NATS servers have not found each other")
		}
		time.Sleep(50 * time.Millisecond)
	}
	return c
}

// led tells whether all servers are in a cluster that has a leader.
func (c *Cluster) led() bool {
	leader := false
	for _, s := range c.servers {
		if s.NumRoutes() == 0 || !s.JetStreamIsCurrent() {
			return false
		}
		leader = leader || s.JetStreamIsLeader()
	}
	return leader
}

// Start starts a server, with what it had stored, unless it runs.
func (c *Cluster) Start(i int) {
	c.tb.Helper()
	if c.servers[i] != nil {
		return
	}
	s, err := server.NewServer(c.options[i].Clone())
	if err != nil {
		c.tb.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		c.tb.Fatalf("the NATS server %d does not start", i)
	}
	c.servers[i] = s
}

// Stop stops a server; what it has stored stays.
func (c *Cluster) Stop(i int) {
	if s := c.servers[i]; s != nil {
		s.Shutdown()
		s.WaitForShutdown()
		c.servers[i] = nil
	}
}

// URL is the addresses of all servers.
func (c *Cluster) URL() string {
	var out []string
	for _, o := range c.options {
		out = append(out, fmt.Sprintf("nats://127.0.0.1:%d", o.Port))
	}
	return strings.Join(out, ",")
}

// free returns ports that nobody uses.
func free(tb testing.TB, n int) []int {
	tb.Helper()
	var out []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		defer l.Close() //nolint:errcheck // nobody has connected
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out
}
