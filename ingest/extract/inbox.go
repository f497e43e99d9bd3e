package extract

// Inboxes of a Systems Management Server 2.0 site in listings of files: \SMS\inboxes\ccr.box and ccrretry.box hold the client configuration requests
// that wait and those that are tried again, every hour for seven days (Microsoft Knowledge Base Q264630). A request is a file: of random letters and
// digits before Service Pack 2 and its hotfixes, afterwards COMPUTER.DOMAIN.CCR. Where the domain's name has fewer than four characters the
// extension is missing, and such a request is never tried again (Q242926, Q265882).

import (
	"regexp"
	"strings"
)

// The inboxes of client configuration requests, by their folders' names in lower case.
const (
	InboxRequests = "ccr.box"
	InboxRetries  = "ccrretry.box"
)

// Inbox is an inbox as a listing shows it.
type Inbox struct {
	Name     string  // InboxRequests or InboxRetries
	Folder   *Folder // of the listing
	Requests []InboxRequest
	Others   int // files that are no requests, by their names
}

// InboxRequest is a request.
type InboxRequest struct {
	Entry  *Entry
	Host   string // the computer that its name states, upper case; "" if the name is a random one
	Domain string // the same for its domain
	Bare   bool   // it has computer and domain but no extension
}

// inboxRandom is a random name, with the extension or without.
var inboxRandom = regexp.MustCompile(`(?i)^[0-9a-z]{8}(?:\.ccr)?$`)

// Inboxes returns the inboxes of client configuration requests of which a listing shows the content.
func (l *Listing) Inboxes() []Inbox {
	var out []Inbox
	for i := range l.Folders {
		f := &l.Folders[i]
		name := strings.ToLower(f.Path[strings.LastIndexByte(f.Path, '\\')+1:])
		if name != InboxRequests && name != InboxRetries {
			continue
		}
		in := Inbox{Name: name, Folder: f}
		for j := range f.Entries {
			e := &f.Entries[j]
			if e.Dir {
				continue
			}
			if r, ok := inboxRequest(e); ok {
				in.Requests = append(in.Requests, r)
			} else {
				in.Others++
			}
		}
		out = append(out, in)
	}
	return out
}

// inboxRequest reads the name of a file in an inbox.
func inboxRequest(e *Entry) (InboxRequest, bool) {
	name := e.Name
	named := len(name) > 4 && strings.EqualFold(name[len(name)-4:], ".ccr")
	if inboxRandom.MatchString(name) {
		return InboxRequest{Entry: e}, true
	}
	if named {
		name = name[:len(name)-4]
	}
	host, domain, ok := strings.Cut(name, ".")
	switch {
	case !named && (!ok || len(domain) == 0 || len(domain) > 3 || !isComputerName(domain)):
		return InboxRequest{}, false
	case !isComputerName(host) || domain != "" && !isComputerName(domain):
		return InboxRequest{}, false
	case !named && inboxExtensions[strings.ToLower(domain)]:
		return InboxRequest{}, false
	}
	return InboxRequest{Entry: e, Host: strings.ToUpper(host), Domain: strings.ToUpper(domain), Bare: !named}, true
}

// inboxExtensions are the extensions of other files in inboxes, which could be domains of three characters.
var inboxExtensions = map[string]bool{"tmp": true, "log": true, "bak": true, "old": true, "txt": true, "tok": true, "lo_": true, "cfg": true, "dat": true, "ini": true}
