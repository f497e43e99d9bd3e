package opensearch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casebook/index/opensearch"
)

func TestParse(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const begin = "CASEBOOK_OPENSEARCH_"
	tests := []struct {
		name, address string
		env           map[string]string
		fails         string // part of the error; "" if there is none
	}{
		{"tls", "opensearch+https://search.example:9200/casebook", nil, ""},
		{"several-hosts", "opensearch+https://a:9200,b:9200/case-book.v2", nil, ""},
		{"loopback", "opensearch+http://127.0.0.1:9200,localhost:9201,[::1]:9202/casebook/", nil, ""},
		{"plain-elsewhere", "opensearch+http://search.example:9200/casebook", nil, "write opensearch+https"},
		{"plain-elsewhere-second", "opensearch+http://127.0.0.1:9200,10.0.0.1:9200/casebook", nil, "write opensearch+https"},
		{"plain-looks-local", "opensearch+http://127.0.0.1.example/casebook", nil, "write opensearch+https"},
		{"credentials-in-address", "opensearch+https://user:s3cret@search.example/casebook", nil, "CASEBOOK_OPENSEARCH_USER"},
		{"no-prefix", "opensearch+https://search.example:9200", nil, "prefix"},
		{"bad-prefix", "opensearch+https://search.example:9200/Case*", nil, "prefix"},
		{"query", "opensearch+https://search.example?x=1/casebook", nil, "no host"},
		{"other-scheme", "https://user:s3cret@search.example/casebook", nil, "no address"},
		{"password", "opensearch+https://a/c", map[string]string{"USER": "u", "PASSWORD": "s3cret"}, ""},
		{"password-file", "opensearch+https://a/c", map[string]string{"USER": "u", "PASSWORD_FILE": secret}, ""},
		{"password-twice", "opensearch+https://a/c", map[string]string{"USER": "u", "PASSWORD": "x", "PASSWORD_FILE": secret}, "only one"},
		{"password-alone", "opensearch+https://a/c", map[string]string{"PASSWORD": "s3cret"}, "belong together"},
		{"key-file", "opensearch+https://a/c", map[string]string{"API_KEY_FILE": secret}, ""},
		{"key-and-user", "opensearch+https://a/c", map[string]string{"API_KEY": "k", "USER": "u", "PASSWORD": "p"}, "only one"},
		{"headers", "opensearch+https://a/c", map[string]string{"HEADERS": "X-Tenant: 7\n"}, ""},
		{"bad-headers", "opensearch+https://a/c", map[string]string{"HEADERS": "X-Tenant"}, "Name: value"},
		{"no-file", "opensearch+https://a/c", map[string]string{"CA": secret + "-none"}, "CASEBOOK_OPENSEARCH_CA"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := opensearch.Parse(test.address, func(name string) string { return test.env[strings.TrimPrefix(name, begin)] })
			switch {
			case err == nil && test.fails != "":
				t.Errorf("no error; want one with %q", test.fails)
			case err != nil && (test.fails == "" || !strings.Contains(err.Error(), test.fails)):
				t.Errorf("error %q; want one with %q", err, test.fails)
			case err != nil && strings.Contains(err.Error(), "s3cret"):
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}
