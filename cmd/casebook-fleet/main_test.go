package main

import (
	"os/exec"
	"strings"
	"testing"

	"casebook/internal/docscheck"
)

// TestCasebookIsLean looks for what only this program may be linked with in casebook itself.
func TestCasebookIsLean(t *testing.T) {
	deps := func(program string) string {
		c := exec.Command("go", "list", "-deps", program)
		c.Dir = docscheck.Root(t)
		text, err := c.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		return string(text)
	}
	lean, fleet := deps("./cmd/casebook"), deps("./cmd/casebook-fleet")
	for _, module := range []string{"gocloud.dev/", "github.com/nats-io/", "github.com/aws/", "github.com/opensearch-project/", "casebook/index/opensearch", "casebook/scale/"} {
		if strings.Contains(lean, "\n"+module) {
			t.Errorf("casebook is linked with %s", module)
		}
		if !strings.Contains(fleet, "\n"+module) {
			t.Errorf("casebook-fleet is not linked with %s: has it moved?", module)
		}
	}
	if strings.Contains(lean, "\ngoogle.golang.org/grpc") {
		t.Error("casebook is linked with gRPC")
	}
}
