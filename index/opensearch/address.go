package opensearch

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"casebook/internal/safeio"
)

// Schemes are those of the addresses that Parse understands.
var Schemes = []string{"opensearch+https", "opensearch+http"}

// Config says where the cluster is and how to speak to it. Hosts and Prefix are needed; Parse makes one of an address.
type Config struct {
	Hosts    []*url.URL // of the nodes; another is asked when one does not answer
	Prefix   string     // of the names of the indexes
	User     string     // with Password for basic authentication; "" for none
	Password string
	APIKey   string // sent as Authorization: ApiKey; "" for none
	Header   map[string]string
	CA       []byte // PEM, of the authorities that may have signed the nodes' certificates; nil for those of the system

	Shards   int           // primary shards of a new index of blocks; 0 for 1
	Replicas int           // copies of each shard; -1 for none, 0 for 1
	Rollover string        // size of a primary shard at which the next index is begun; "" for 30gb
	Patience time.Duration // how long a request is tried again while the cluster is overloaded or nodes are away; 0 for 2 minutes
	Spool    string        // folder for cases on their way; "" for the system's temporary folder
	Files    Files         // where reports are kept; nil for the cluster itself

	Now func() time.Time // the clock; it is needed
}

// prefix is what may begin the name of an index.
var prefix = regexp.MustCompile(`^[a-z0-9][a-z0-9._]*(-[a-z0-9._]+)*$`)

// maxSecret bounds a file that holds a password, a key or certificates.
const maxSecret = 1 << 20

// Parse reads an address such as opensearch+https://search1:9200,search2:9200/casebook. Several hosts are separated by commas. Without TLS only this machine
// is spoken to, by its loopback address. Credentials come from the environment, which env reads as [os.Getenv] does: CASEBOOK_OPENSEARCH_USER with _PASSWORD or _PASSWORD_FILE, _API_KEY or
// _API_KEY_FILE, _HEADERS (Name: value, a line each) or _HEADERS_FILE, and _CA, a file of PEM certificates; an address that holds some is refused, since others
// of the machine see command lines.
func Parse(address string, env func(string) string) (Config, error) {
	var c Config
	scheme, rest, ok := strings.Cut(address, "://")
	plain := scheme == "opensearch+http"
	if !ok || scheme != "opensearch+https" && !plain {
		return c, fmt.Errorf("%q is no address of OpenSearch; write opensearch+https://HOST:9200/PREFIX", redacted(address))
	}
	if strings.Contains(rest, "@") {
		return c, errors.New("the address of OpenSearch holds a name or a password, which others of this machine could see; set CASEBOOK_OPENSEARCH_USER and CASEBOOK_OPENSEARCH_PASSWORD_FILE instead")
	}
	hosts, name, _ := strings.Cut(rest, "/")
	c.Prefix = strings.TrimSuffix(name, "/")
	if !prefix.MatchString(c.Prefix) || len(c.Prefix) > 100 {
		return c, fmt.Errorf("%q: behind the host comes / and the prefix of the indexes, small letters, digits and hyphens, as in opensearch+https://HOST:9200/casebook", address)
	}
	for host := range strings.SplitSeq(hosts, ",") {
		u, err := url.Parse(strings.TrimPrefix(scheme, "opensearch+") + "://" + host)
		if err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			return c, fmt.Errorf("%q: %q is no host; write HOST:PORT, several with a comma between", address, host)
		}
		if plain && !loopback(u.Hostname()) {
			return c, fmt.Errorf("%q: without TLS only this machine is spoken to, as 127.0.0.1, ::1 or localhost; write opensearch+https", address)
		}
		c.Hosts = append(c.Hosts, u)
	}
	return c, c.credentials(env)
}

// redacted is an address without what stands before its host.
func redacted(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return "…" + address[i:]
	}
	return address
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// credentials reads the credentials from the environment.
func (c *Config) credentials(env func(string) string) error {
	const begin = "CASEBOOK_OPENSEARCH_"
	secret := func(name string) (string, error) {
		value, file := env(begin+name), env(begin+name+"_FILE")
		switch {
		case value != "" && file != "":
			return "", fmt.Errorf("%s%s and %s%s_FILE are both set; only one may be", begin, name, begin, name)
		case file == "":
			return value, nil
		}
		b, err := readSecret(file)
		if err != nil {
			return "", fmt.Errorf("%s%s_FILE: %w", begin, name, err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	var err error
	c.User = env(begin + "USER")
	if c.Password, err = secret("PASSWORD"); err != nil {
		return err
	}
	if c.APIKey, err = secret("API_KEY"); err != nil {
		return err
	}
	headers, err := secret("HEADERS")
	if err != nil {
		return err
	}
	for line := range strings.Lines(headers) {
		line = strings.TrimSpace(line)
		name, value, ok := strings.Cut(line, ":")
		if line == "" {
			continue
		}
		if !ok || name == "" {
			return fmt.Errorf("%sHEADERS: a line is Name: value", begin)
		}
		if c.Header == nil {
			c.Header = map[string]string{}
		}
		c.Header[name] = strings.TrimSpace(value)
	}
	switch {
	case c.APIKey != "" && c.User != "":
		return fmt.Errorf("%sAPI_KEY and %sUSER are both set; only one way to authenticate may be", begin, begin)
	case (c.User == "") != (c.Password == ""):
		return fmt.Errorf("%sUSER and %sPASSWORD (or _PASSWORD_FILE) belong together", begin, begin)
	}
	if file := env(begin + "CA"); file != "" {
		if c.CA, err = readSecret(file); err != nil {
			return fmt.Errorf("%sCA: %w", begin, err)
		}
	}
	return nil
}

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return safeio.ReadAll(f, maxSecret)
}
