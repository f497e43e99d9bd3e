package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"casebook/index"
	"casebook/ingest"
	"casebook/web/serve"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	analyzeFlags
	listen, auth, header, users    string
	proxies, hosts                 []string
	cert, key, accessLog, maxSize  string
	allowUpload, keep, openBrowser bool
	waiting, perUser               int
	requestTime                    time.Duration
}

func (a *App) serve() *cobra.Command {
	var f serveFlags
	var workers func(context.Context, *slog.Logger) (serve.Workers, func(), error)
	c := &cobra.Command{
		Use:   "serve --archive DIR",
		Short: "Show an archive in the browser: cases, search, reports, notes",
		Long: `Serves an archive, or the one of a report folder, as web pages: an overview, the list of cases with filters, search with the query language of 'casebook search', each case's
report with all logs in full, its notes and the cases that resemble it. The pages work without JavaScript, and grow with the archive while others write it. With
--allow-upload a form takes bundles, which are analysed into the archive.

Only this machine can reach it, at 127.0.0.1:8765, unless --listen says otherwise. Another address wants to know who asks: --auth names a file of passwords (htpasswd -B) and needs
--tls-cert and --tls-key; --auth-header names the header in which a reverse proxy at one of --trusted-proxies says who is logged in. --users limits users and
teams to the cases with certain labels:

  anna: *                           sees all cases
  ben: customer=Contoso             sees the cases with this label
  ben: customer=Fabrikam, site=W02  and those that have both of these
  @north: customer=Northwind        the same for all of a team
  team north: carla, dora           who is in the team

Whom no line names sees nothing. /healthz and /readyz say whether the server is up, /metrics has figures for Prometheus, for users who see all cases. SIGINT and SIGTERM end it when
the requests under way are answered.`,
		Example: `  casebook serve --archive /srv/cases --open
  casebook serve --archive /srv/cases --listen :8443 --auth users.htpasswd --tls-cert cert.pem --tls-key key.pem --users users.txt
  casebook serve --archive /srv/cases --listen 127.0.0.1:8765 --auth-header X-Remote-User --host cases.example.org --allow-upload`,
		Args: exactly(0, 0, "no argument; --archive names the archive"),
		RunE: func(c *cobra.Command, _ []string) error { return a.runServe(c.Context(), f, workers) },
	}
	fs := c.Flags()
	fs.StringVar(&f.archive, "archive", os.Getenv(archiveVariable), "the archive or report folder `DIR` to serve; also $"+archiveVariable)
	fs.StringVar(&f.listen, "listen", "127.0.0.1:8765", "the `ADDRESS` and port to listen on; port 0 is any that is free")
	fs.StringVar(&f.auth, "auth", "", "who may log in: a `FILE` of names and bcrypt hashes, as htpasswd -B writes it")
	fs.StringVar(&f.header, "auth-header", "", "a reverse proxy says in the header `NAME` who is logged in")
	fs.StringSliceVar(&f.proxies, "trusted-proxies", []string{"127.0.0.0/8", "::1/128"}, "believe --auth-header from these `NETWORKS` only")
	fs.StringVar(&f.users, "users", "", "who may see which cases: a `FILE`, see above (default everybody all)")
	fs.StringSliceVar(&f.hosts, "host", nil, "the server is also called `NAME`, without port; repeatable")
	fs.StringVar(&f.cert, "tls-cert", "", "serve with the certificate in `FILE` (PEM, with its chain)")
	fs.StringVar(&f.key, "tls-key", "", "the certificate's key in `FILE`")
	fs.BoolVar(&f.allowUpload, "allow-upload", false, "take bundles by a form")
	fs.StringVar(&f.maxSize, "max-upload", "4GiB", "take uploads of at most `SIZE`")
	fs.IntVar(&f.waiting, "max-waiting", 16, "let at most `N` uploads wait to be analysed")
	fs.BoolVar(&f.keep, "keep-uploads", false, "keep the uploads in the archive, so that cases can be evaluated anew")
	fs.StringVar(&f.accessLog, "access-log", "-", "write a line of JSON for each request to `FILE`; - is stderr, \"\" none")
	fs.DurationVar(&f.requestTime, "request-timeout", 30*time.Second, "give up on a request but an upload after this `TIME`")
	fs.IntVar(&f.perUser, "per-user", 16, "serve at most `N` requests of a user side by side; others wait")
	fs.BoolVar(&f.openBrowser, "open", false, "open the first page in the browser")
	fs.StringSliceVar(&f.only, "only", nil, "run only the checks with these `ID`s on uploads, separated by commas")
	fs.StringArrayVar(&f.packs, "checks", nil, packsHelp)
	fs.IntVar(&f.workers, "workers", 0, "read `N` members of an upload side by side (default one for each processor)")
	if a.Workers != nil {
		workers = a.Workers(c)
	}
	return c
}

func (a *App) runServe(ctx context.Context, f serveFlags, workers func(context.Context, *slog.Logger) (serve.Workers, func(), error)) error {
	if f.archive == "" {
		return usagef("no archive named: give --archive DIR (an archive or a report folder) or set %s", archiveVariable)
	}
	if f.keep {
		if err := folderOnly("--keep-uploads", f.archive, keptElsewhere); err != nil {
			return err
		}
	}
	opt, done, err := a.serveOptions(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	if opt.Uploads != nil && workers != nil {
		w, closed, err := workers(ctx, opt.Log)
		if err != nil {
			return err
		}
		defer closed()
		opt.Uploads.Workers = w
	}
	background, stop := context.WithCancel(ctx)
	defer stop()
	s, err := serve.New(background, opt)
	if err != nil {
		if errors.Is(err, index.ErrNoArchive) {
			return err
		}
		return usageError{err}
	}
	err = s.Run(ctx, func(url string) {
		if !a.quiet {
			fmt.Fprintf(a.err, "casebook: serving %s at %s (end with Ctrl+C)\n", printable(f.archive), url)
		}
		if f.openBrowser {
			go func() {
				if err := a.browse(ctx, url); err != nil && ctx.Err() == nil {
					a.complain(err)
				}
			}()
		}
	})
	stop()
	return errors.Join(err, s.Close())
}

// serveOptions makes options of the flags. done ends what they hold open.
func (a *App) serveOptions(ctx context.Context, f serveFlags) (opt serve.Options, done func(), err error) {
	done = func() {}
	opt = serve.Options{
		Open:   func(ctx context.Context) (index.Reader, error) { return a.openArchive(ctx, f.archive) },
		Listen: f.listen, Hosts: f.hosts, TLSCert: f.cert, TLSKey: f.key, Timeout: f.requestTime, PerUser: f.perUser,
	}
	if f.requestTime <= 0 || f.perUser < 1 || f.waiting < 1 {
		return opt, done, usagef("--request-timeout takes a time such as 30s, --per-user and --max-waiting a number from 1 on")
	}
	switch {
	case f.auth != "" && f.header != "":
		return opt, done, usagef("--auth and --auth-header are two ways to know who asks: give one")
	case f.auth != "":
		p, err := serve.NewPasswordAuth(f.auth)
		if err != nil {
			return opt, done, usageError{err}
		}
		opt.Auth = p
	case f.header != "":
		h := &serve.HeaderAuth{Header: http.CanonicalHeaderKey(f.header)}
		for _, p := range f.proxies {
			prefix, err := netip.ParsePrefix(p)
			if ip, bad := netip.ParseAddr(p); err != nil && bad == nil {
				prefix, err = netip.PrefixFrom(ip, ip.BitLen()), nil
			}
			if err != nil {
				return opt, done, usagef("--trusted-proxies takes networks such as 10.0.0.0/8, not %q", p)
			}
			h.Trusted = append(h.Trusted, prefix)
		}
		opt.Auth = h
	}
	if f.users != "" {
		if opt.Users, err = serve.ReadUsers(f.users); err != nil {
			return opt, done, usageError{err}
		}
	}
	if f.allowUpload {
		if opt.Uploads, done, err = a.uploads(ctx, f); err != nil {
			return opt, func() {}, err
		}
	}
	var to io.Writer
	switch f.accessLog {
	case "":
		to = io.Discard
	case "-":
		to = a.err
	default:
		file, err := os.OpenFile(f.accessLog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			done()
			return opt, func() {}, usageError{fmt.Errorf("access log: %w", err)}
		}
		taken := done
		to, done = file, func() {
			taken()
			_ = file.Close() // each line was written whole
		}
	}
	level := slog.LevelInfo
	if a.verbose {
		level = slog.LevelDebug
	}
	opt.Log = slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level}))
	return opt, done, nil
}

// uploads says how uploads are taken into the archive. done ends what that holds open.
func (a *App) uploads(ctx context.Context, f serveFlags) (u *serve.Uploads, done func(), err error) {
	f.maxBytes, f.maxMember, f.limits = "64GiB", "16GiB", ingest.Limits{}.WithDefaults() // as analyze has them
	options, err := f.options(a.Version)
	if err != nil {
		return nil, nil, err
	}
	most, err := parseSize("--max-upload", f.maxSize)
	if err != nil {
		return nil, nil, err
	}
	u = &serve.Uploads{MaxSize: most, Queue: f.waiting, Keep: f.keep, Options: options}
	if scheme(f.archive) != "" {
		s, err := a.store(ctx, f.archive)
		if err != nil {
			return nil, nil, err
		}
		if u.Dir, err = os.MkdirTemp("", "casebook-incoming-"); err != nil {
			_ = s.Close() // nothing was written
			return nil, nil, fmt.Errorf("uploads: %w", err)
		}
		u.Store = s
		return u, func() {
			_ = s.Close() // every case is complete when its writer has returned
			_ = os.RemoveAll(u.Dir)
		}, nil
	}
	dir, err := filepath.Abs(f.archive)
	if err != nil {
		return nil, nil, err
	}
	if inner := filepath.Join(dir, "archive"); isOutput(dir) && !strings.HasSuffix(dir, ".json") {
		return nil, nil, usagef("%q is a report, whose archive takes no further case", inner)
	}
	archive, err := index.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	_ = archive.Close() // nothing was read of it
	u.Store, u.Dir = index.Dir(dir), filepath.Join(dir, "incoming")
	if err := os.MkdirAll(u.Dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("uploads: %w", err)
	}
	return u, func() {}, nil
}
