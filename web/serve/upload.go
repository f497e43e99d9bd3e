package serve

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"casebook"
	"casebook/index"
	"casebook/ingest"
	"casebook/web"
)

// The bounds of uploads.
const (
	defaultMaxUpload = 4 << 30
	defaultQueue     = 16
	maxJobs          = 500 // that are remembered
	maxUploadField   = 64 << 10
	maxLabels        = 20
	maxUploadName    = 120
	refreshEvery     = 2 // seconds
	maxConcurrent    = 8 // uploads that arrive at once
	staleAfter       = 24 * time.Hour
	uploadFolder     = "upload-" // and random digits
)

// The states of an upload.
const (
	jobWaiting = "waiting"
	jobRunning = "running"
	jobDone    = "done"
	jobFailed  = "failed"
)

// job is an upload on its way to be a case.
type job struct {
	web.Job
	owner     string
	dir       string // holds the upload
	path      string
	sum       string
	labels    index.Labels
	caseID    string // "" for the upload's SHA-256
	passwords []string
	hand      bool   // it is for the workers
	handed    string // by what they know it; "" as long as they do not
}

// ended tells whether nothing more becomes of the job.
func (j *job) ended() bool { return j.State == jobDone || j.State == jobFailed }

// queue analyses uploads one after the other: each uses all processors.
type queue struct {
	opt     Uploads
	log     *slog.Logger
	metrics *metrics
	changed func()
	group   sync.WaitGroup
	arrive  chan struct{}   // uploads that arrive
	sending chan struct{}   // uploads that are handed to workers
	ctx     context.Context //nolint:containedctx // that of the server, which ends what waits
	work    chan *job

	mu   sync.Mutex
	jobs []*job // the newest last
}

func newQueue(opt Uploads, log *slog.Logger, m *metrics, changed func()) (*queue, error) {
	opt.MaxSize = cmp.Or(opt.MaxSize, defaultMaxUpload)
	opt.Queue = cmp.Or(opt.Queue, defaultQueue)
	if info, err := os.Stat(opt.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("uploads: %q is no folder to put them in", opt.Dir)
	}
	sweep(opt.Dir)
	return &queue{opt: opt, log: log, metrics: m, changed: changed, arrive: make(chan struct{}, maxConcurrent), sending: make(chan struct{}, maxConcurrent), work: make(chan *job, opt.Queue)}, nil
}

// sweep removes uploads that a server left which was killed: those in which nothing was written for a day.
func sweep(dir string) {
	left, err := filepath.Glob(filepath.Join(dir, uploadFolder+"*"))
	if err != nil {
		return
	}
	for _, d := range left {
		if info, err := os.Stat(d); err == nil && info.IsDir() && time.Since(info.ModTime()) > staleAfter {
			_ = os.RemoveAll(d) // what stays is looked at again
		}
	}
}

func (q *queue) start(ctx context.Context) {
	q.ctx = ctx
	q.group.Go(func() {
		for {
			select {
			case <-ctx.Done():
				for {
					select {
					case j := <-q.work:
						_ = os.RemoveAll(j.dir) // the server ends, and forgets the upload
					default:
						return
					}
				}
			case j := <-q.work:
				if !j.hand {
					q.run(ctx, j, q.analyse)
					continue
				}
				q.sending <- struct{}{} // those that are under way end with ctx
				q.group.Go(func() {
					defer func() { <-q.sending }()
					q.run(ctx, j, q.submit)
				})
			}
		}
	})
}

func (q *queue) wait() { q.group.Wait() }

// set changes a job.
func (q *queue) set(j *job, change func(*web.Job)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	change(&j.Job)
}

// run does the work that an upload makes.
func (q *queue) run(ctx context.Context, j *job, work func(context.Context, *job)) {
	defer func() {
		if p := recover(); p != nil {
			q.log.Error("panic", "value", fmt.Sprint(p), "stack", string(debug.Stack()))
			q.fail(j, "The analysis broke off. The server's log says why.")
		}
		_ = os.RemoveAll(j.dir) // what stays is in the way of nothing
	}()
	work(ctx, j)
}

// submit hands an upload to the workers.
func (q *queue) submit(ctx context.Context, j *job) {
	id, err := q.opt.Workers.Submit(ctx, j.path, Handed{Name: j.Name, SHA256: j.sum, Bytes: j.Bytes, Labels: j.labels})
	switch {
	case ctx.Err() != nil:
		q.fail(j, "The server was stopped. Upload the file again.")
	case err != nil:
		q.log.Error("an upload could not be handed to the workers", "error", err.Error())
		q.fail(j, "It could not be handed to those who analyse it. The server's log says why.")
	default:
		q.mu.Lock()
		defer q.mu.Unlock()
		j.handed = id
	}
}

// standingTime bounds how long a page waits for what the workers say.
const standingTime = 3 * time.Second

// ask asks the workers how uploads of a user stand: the one with this ID, or the latest.
func (q *queue) ask(ctx context.Context, owner, id string) {
	if q.opt.Workers == nil {
		return
	}
	var list []*job
	q.mu.Lock()
	for _, j := range slices.Backward(q.jobs) {
		if j.owner == owner && j.handed != "" && !j.ended() && (id == "" || j.ID == id) && len(list) < maxLatest {
			list = append(list, j)
		}
	}
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, standingTime)
	defer cancel()
	for _, j := range list {
		st, err := q.opt.Workers.Standing(ctx, j.handed)
		if err != nil {
			q.log.Warn("the workers do not say how an upload stands", "error", err.Error())
			return
		}
		was := jobWaiting
		q.set(j, func(x *web.Job) {
			was = x.State
			x.State, x.Ahead, x.Case, x.Failed = st.State, st.Ahead, st.Case, st.Why
		})
		switch {
		case was == st.State:
		case st.State == jobDone:
			q.metrics.uploads.WithLabelValues("analysed").Inc()
			q.changed()
		case st.State == jobFailed:
			q.metrics.uploads.WithLabelValues("failed").Inc()
		}
	}
}

// analyse analyses an upload.
func (q *queue) analyse(ctx context.Context, j *job) {
	q.set(j, func(x *web.Job) { x.State = jobRunning })
	opt := q.opt.Options
	opt.Case, opt.Index, opt.Passwords = j.caseID, q.opt.Store, j.passwords
	opt.Entry = index.Entry{Labels: j.labels, Added: time.Now().UTC().Truncate(time.Second)}
	if q.opt.Keep {
		opt.Entry.Keep = map[string][]string{j.sum: {j.path}}
	}
	opt.Progress = func(p ingest.Progress) { q.set(j, func(x *web.Job) { x.Done = p.Bytes }) }
	report, err := casebook.Analyze(ctx, []string{j.path}, opt)
	unusable, partly := errors.AsType[*casebook.UnusableError](err)
	switch {
	case ctx.Err() != nil:
		q.fail(j, "The server was stopped. Upload the file again.")
	case err == nil || partly && !unusable.All:
		id := report.CaseID()
		q.set(j, func(x *web.Job) { x.State, x.Case = jobDone, id })
		q.metrics.uploads.WithLabelValues("analysed").Inc()
		q.changed()
	case partly:
		q.fail(j, "Nothing in it could be read: "+strings.ReplaceAll(reasons(unusable), j.path, j.Name))
	default:
		q.log.Error("an upload could not be analysed", "error", err.Error())
		q.fail(j, "It could not be analysed. The server's log says why.")
	}
}

// reasons says why an upload is of no use, without the folders of the server.
func reasons(err *casebook.UnusableError) string {
	var out []string
	for _, r := range err.Reasons {
		if open, ok := errors.AsType[*ingest.OpenError](r); ok {
			out = append(out, open.Reason())
		} else {
			out = append(out, r.Error())
		}
	}
	return strings.Join(out, "; ")
}

func (q *queue) fail(j *job, why string) {
	q.metrics.uploads.WithLabelValues("failed").Inc()
	q.set(j, func(x *web.Job) { x.State, x.Failed = jobFailed, why })
}

// add puts an upload into the queue; false if that is full.
func (q *queue) add(j *job) bool {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	j.ID, j.State = hex.EncodeToString(id[:]), jobWaiting
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case q.work <- j:
	default:
		return false
	}
	if len(q.jobs) >= maxJobs {
		i := max(0, slices.IndexFunc(q.jobs, (*job).ended))
		q.jobs = slices.Delete(q.jobs, i, i+1)
	}
	q.jobs = append(q.jobs, j)
	return true
}

// find returns a copy of a job of a user.
func (q *queue) find(id, owner string) (web.Job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ahead := 0
	for _, j := range q.jobs {
		if j.ID == id && j.owner == owner {
			x := j.Job
			if !j.hand {
				x.Ahead = ahead
			}
			return x, true
		}
		if !j.hand && !j.ended() {
			ahead++
		}
	}
	return web.Job{}, false
}

// of lists a user's uploads, the newest first.
func (q *queue) of(owner string) []web.Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []web.Job
	for _, j := range slices.Backward(q.jobs) {
		if j.owner == owner && len(out) < maxLatest {
			out = append(out, j.Job)
		}
	}
	return out
}

// hands tells whether workers analyse what a user uploads.
func (q *queue) hands(v viewer) bool { return q.opt.Workers != nil && v.scope == nil }

func (q *queue) full() bool { return len(q.work) == cap(q.work) }

// uploadForm is the page with the form.
func (s *Server) uploadForm(w http.ResponseWriter, r *http.Request) error {
	return s.showUpload(w, r, http.StatusOK, "")
}

func (s *Server) showUpload(w http.ResponseWriter, r *http.Request, status int, failed string) error {
	v := viewerOf(r)
	if !v.mayUpload() {
		return errNotFound
	}
	s.queue.ask(r.Context(), v.name, "")
	p := web.UploadPage{
		Token: s.token(r), Most: s.queue.opt.MaxSize, Failed: failed, Jobs: s.queue.of(v.name), Full: s.queue.full(), Keeping: s.queue.opt.Keep, Workers: s.queue.hands(v),
	}
	for _, labels := range v.scope {
		p.Groups = append(p.Groups, labelWords(labels))
	}
	s.write(w, r, status, func(b *body) error { return web.WriteUpload(b, s.bar(r, web.PlaceUpload), &p) })
	return nil
}

// labelWords writes labels as name=value.
func labelWords(l index.Labels) string {
	var out []string
	for name, values := range l.All() {
		for _, v := range values {
			out = append(out, name+"="+v)
		}
	}
	return strings.Join(out, ", ")
}

// followUpload is the page of an upload that is being analysed; it leads to the case when that is there.
func (s *Server) followUpload(w http.ResponseWriter, r *http.Request) error {
	s.queue.ask(r.Context(), viewerOf(r).name, r.PathValue("job"))
	j, ok := s.queue.find(r.PathValue("job"), viewerOf(r).name)
	if !ok {
		return errNotFound
	}
	if j.State == jobDone {
		http.Redirect(w, r, web.CasePlace(j.Case, ""), http.StatusSeeOther)
		return nil
	}
	bar := s.bar(r, web.PlaceUpload)
	if j.State != jobFailed {
		bar.Refresh = refreshEvery
	}
	s.write(w, r, http.StatusOK, func(b *body) error { return web.WriteJob(b, bar, &j) })
	return nil
}

// patient reads a body and gives each piece of it the same time to come.
type patient struct {
	io.ReadCloser
	controller *http.ResponseController
}

// Read implements io.Reader.
func (p patient) Read(b []byte) (int, error) {
	_ = p.controller.SetReadDeadline(time.Now().Add(bodyTimeout)) // a connection that has none needs none
	return p.ReadCloser.Read(b)
}

// takeUpload streams an upload to a file and puts it into the queue. The file comes last in the form, so that what is said of it is known before.
func (s *Server) takeUpload(w http.ResponseWriter, r *http.Request) error {
	q, v := s.queue, viewerOf(r)
	if !v.mayUpload() {
		return errNotFound
	}
	select {
	case q.arrive <- struct{}{}:
		defer func() { <-q.arrive }()
	default:
		return s.showUpload(w, r, http.StatusServiceUnavailable, "Too many uploads arrive at once. Try again in a moment.")
	}
	if q.full() {
		return s.showUpload(w, r, http.StatusServiceUnavailable, "")
	}
	c := http.NewResponseController(w)
	_ = c.SetWriteDeadline(time.Time{}) // set again when the answer is written
	r.Body = http.MaxBytesReader(w, patient{r.Body, c}, q.opt.MaxSize+1<<20)
	j, err := s.receive(r)
	if err != nil && j != nil && j.dir != "" {
		_ = os.RemoveAll(j.dir) // nothing refers to it
	}
	_ = c.SetWriteDeadline(time.Now().Add(bodyTimeout)) // a connection that has none needs none
	if err != nil {
		if p, ok := errors.AsType[*problem](err); ok && p.status != http.StatusForbidden {
			return s.showUpload(w, r, p.status, p.message)
		}
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return s.showUpload(w, r, http.StatusRequestEntityTooLarge, "The file is larger than the server takes.")
		}
		return err
	}
	if j.Case != "" {
		_ = os.RemoveAll(j.dir) // the archive has it
		http.Redirect(w, r, web.CasePlace(j.Case, ""), http.StatusSeeOther)
		return nil
	}
	if !q.add(j) {
		_ = os.RemoveAll(j.dir) // it was not taken
		return s.showUpload(w, r, http.StatusServiceUnavailable, "")
	}
	http.Redirect(w, r, web.PlaceUpload+"/"+j.ID, http.StatusSeeOther)
	return nil
}

// receive reads the form of an upload. With an error there may be a job too, whose folder is left to remove.
func (s *Server) receive(r *http.Request) (*job, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, &problem{http.StatusBadRequest, "Not understood", "The form can't be read."}
	}
	v := viewerOf(r)
	j := &job{owner: v.name, hand: s.queue.hands(v)}
	fields := map[string]string{}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, &problem{http.StatusBadRequest, "No file", "No file was chosen."}
		}
		if err != nil {
			return nil, notRead(err)
		}
		if part.FormName() != "file" {
			if len(fields) >= maxLabels {
				return nil, &problem{http.StatusBadRequest, "Not understood", "The form can't be read."}
			}
			b := make([]byte, maxUploadField+1)
			n, err := io.ReadFull(part, b)
			if err == nil || n > maxUploadField {
				return nil, &problem{http.StatusBadRequest, "Too long", "A field of the form is too long."}
			} else if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return nil, notRead(err)
			}
			fields[part.FormName()] = string(b[:n])
			continue
		}
		if !s.fromForm(r, fields["token"]) {
			return nil, errBadForm
		}
		if err := j.file(v, fields); err != nil {
			return nil, err
		}
		if p := fields["password"]; p != "" {
			if j.hand { // it would lie in the queue for all to read
				return nil, &problem{http.StatusBadRequest, "No password", "Those who analyse uploads take no passwords. Unpack the archive and upload what is in it."}
			}
			j.passwords = []string{p}
		}
		if err := s.save(j, part); err != nil {
			return j, err
		}
		j.under(v)
		return j, s.held(r, j)
	}
}

// notRead is an error of a connection.
func notRead(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	return &problem{http.StatusBadRequest, "Broken off", "The upload broke off."}
}

// file says under which labels the case is filed: those that a user who does not see everything would find it by.
func (j *job) file(v viewer, fields map[string]string) error {
	if v.scope != nil {
		i, err := strconv.Atoi(cmp.Or(fields["group"], "0"))
		if err != nil || i < 0 || i >= len(v.scope) {
			return &problem{http.StatusBadRequest, "Not understood", "The form can't be read."}
		}
		j.labels = v.scope[i]
		return nil
	}
	j.labels = index.Labels{}
	for line := range strings.Lines(fields["labels"]) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || value == "" || len(j.labels) >= maxLabels {
			return &problem{http.StatusBadRequest, "Not understood", "A label is written name=value, one in a line."}
		}
		j.labels = j.labels.Add(index.Labels{name: {value}})
	}
	return nil
}

// under gives the case of a user who does not see everything an ID of their own: a case of somebody else that holds the same bytes is neither replaced nor shown.
func (j *job) under(v viewer) {
	if v.scope == nil {
		return
	}
	sum := sha256.Sum256([]byte(j.sum + "\x00" + labelWords(j.labels)))
	j.caseID = j.sum[:32] + "-" + hex.EncodeToString(sum[:4])
}

// held looks for the case, among those that the user may see, that has the upload already.
func (s *Server) held(r *http.Request, j *job) error {
	reader, release, err := s.view(r)
	if err != nil {
		return err
	}
	defer release()
	list, err := reader.Holding(r.Context(), j.sum)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		j.Case = list[0].ID
	}
	return nil
}

// save writes the upload to a file.
func (s *Server) save(j *job, part *multipart.Part) error {
	q := s.queue
	j.Name = fileName(part.FileName())
	var err error
	if j.dir, err = os.MkdirTemp(q.opt.Dir, uploadFolder); err != nil {
		return err
	}
	j.path = filepath.Join(j.dir, j.Name)
	f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(part, q.opt.MaxSize+1))
	closed := f.Close()
	switch {
	case err != nil:
		return notRead(err)
	case closed != nil:
		return closed
	case n > q.opt.MaxSize:
		return &problem{http.StatusRequestEntityTooLarge, "Too large", "The file is larger than the server takes."}
	case n == 0:
		return &problem{http.StatusBadRequest, "Empty", "The file is empty, or none was chosen."}
	}
	j.Bytes, j.sum = n, hex.EncodeToString(sum.Sum(nil))
	return nil
}

// fileName makes a name of a file of the one that a browser states: its last part, of letters, digits and a few signs.
func fileName(stated string) string {
	stated = stated[strings.LastIndexAny(stated, `/\`)+1:]
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("._-+() ", r):
			return r
		}
		return '_'
	}, stated)
	if len(name) > maxUploadName { // the end says what kind of file it is
		name = name[len(name)-maxUploadName:]
	}
	name = strings.Trim(name, ". ")
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	switch {
	case name == "":
		return "upload"
	case slices.Contains([]string{"con", "prn", "aux", "nul"}, base), len(base) == 4 && (strings.HasPrefix(base, "com") || strings.HasPrefix(base, "lpt")):
		return "_" + name // Windows takes these names for devices
	}
	return name
}
