package ingest

import (
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	// ratioFrom is how many bytes a member may produce before MaxRatio is looked at: a short log of blanks packs a thousandfold too.
	ratioFrom = 64 << 20
	// ratioFromAll is the same for all members of an archive together.
	ratioFromAll = 1 << 30
	// maxExpansion is how many bytes one byte of deflate data can stand for (RFC 1951: 258 bytes from two bits).
	maxExpansion = 1032
)

// limitError is the error of a reader that reached a limit.
type limitError struct {
	flag  string // the flag that raises the limit
	limit string // the limit in words
}

func (e *limitError) Error() string {
	return fmt.Sprintf("reached the limit of %s; --%s raises it", e.limit, e.flag)
}

// grant is how many bytes a member may produce, and the limit that says so.
type grant struct {
	bytes int64
	err   *limitError
}

// grants shares left bytes among members, in their order, so that the outcome depends on neither the number of workers nor
// their order. Each gets what it declares and a share of what nobody claims, bounded by what its packed bytes can stand for.
// A member that gets less than it declares is nil in the result: it has to wait until it is known how much the others really used.
func grants(members []*member, left int64, l Limits, total *limitError) []*grant {
	list := make([]*grant, len(members))
	memberError := memberLimit(l)
	var declared, granted int64
	for i, m := range members {
		if need := min(m.declared(), l.MaxMember); need <= left-declared {
			list[i] = &grant{bytes: need}
			declared += need
			granted++
		}
	}
	share := int64(0)
	if granted > 0 {
		share = (left - declared) / granted
	}
	for i, m := range members {
		if g := list[i]; g != nil {
			g.bytes, g.err = addCapped(g.bytes, share), total
			if g.bytes >= l.MaxMember {
				g.bytes, g.err = l.MaxMember, memberError
			}
			g.bytes = max(min(g.bytes, m.most), 0)
		}
	}
	return list
}

// memberLimit returns the error of a member that is too long.
func memberLimit(l Limits) *limitError {
	return &limitError{flag: "max-member", limit: fmt.Sprintf("%d bytes for one member", l.MaxMember)}
}

// addCapped adds two counts that are not negative without overflow.
func addCapped(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// mulCapped multiplies two counts that are not negative without overflow.
func mulCapped(a, b int64) int64 {
	if b != 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// meter is a stream that ends with a limitError where a limit is reached.
type meter struct {
	stream
	grant    grant
	ratio    int64
	produced int64
}

func (m *meter) Read(p []byte) (int, error) {
	left := m.grant.bytes - m.produced
	if int64(len(p)) > left { // one more byte tells a member that is too long from one that just fits
		p = p[:left+1]
	}
	n, err := m.stream.Read(p)
	if int64(n) > left {
		m.produced += left
		return int(left), m.grant.err
	}
	m.produced += int64(n)
	if m.produced > ratioFrom && (err == nil || errors.Is(err, io.EOF)) && m.produced/m.ratio > m.packed() {
		return n, &limitError{flag: "max-ratio", limit: fmt.Sprintf("%d bytes for each packed byte of a member", m.ratio)}
	}
	return n, err
}

// totalLimit returns how many bytes all members of uploads of the given size together may produce.
func totalLimit(l Limits, packed int64, archive bool) (int64, *limitError) {
	if archive {
		if most := max(ratioFromAll, mulCapped(packed, l.MaxRatio)); most < l.MaxBytes {
			return most, &limitError{flag: "max-ratio", limit: fmt.Sprintf("%d bytes for each byte of the upload", l.MaxRatio)}
		}
	}
	return l.MaxBytes, &limitError{flag: "max-bytes", limit: fmt.Sprintf("%d bytes for all members together", l.MaxBytes)}
}
