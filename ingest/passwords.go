package ingest

import (
	"context"
	"errors"
	"io"
)

const (
	// maxAsked is how often the user is asked for a password of one upload.
	maxAsked = 3
	// maxTrial is how many bytes of a member are unpacked to tell whether a password is right.
	maxTrial = 16 << 20
)

// errLocked and errWrongPassword are what is wrong with an encrypted member that no password opens.
var (
	errLocked        = errors.New("encrypted, and no password was given: ask the sender for it and pass it with --password or --password-file")
	errWrongPassword = errors.New("encrypted, and none of the given passwords opens it: ask the sender for the right one and pass it with --password or --password-file")
)

// unlock returns the first password that try accepts: of those that were given, in their order, and then of those that the user enters.
func (c *catalogue) unlock(ctx context.Context, archive string, try func(password string) bool) (string, error) {
	for _, p := range c.passwords {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if try(p) {
			return p, nil
		}
	}
	for c.opt.AskPassword != nil && c.asked < maxAsked {
		p, ok := c.opt.AskPassword(archive)
		if c.asked++; !ok {
			c.asked = maxAsked
			break
		}
		c.passwords = append(c.passwords, p)
		if try(p) {
			return p, nil
		}
	}
	if len(c.passwords) == 0 {
		return "", errLocked
	}
	return "", errWrongPassword
}

// trial reads a member to its end, or its first maxTrial bytes, and tells whether that went well.
func trial(ctx context.Context, r io.Reader) bool {
	buf := make([]byte, packedBuffer)
	for n := 0; n < maxTrial; {
		if ctx.Err() != nil {
			return false
		}
		m, err := r.Read(buf)
		n += m
		if err != nil {
			return errors.Is(err, io.EOF)
		}
	}
	return true
}

// locked is a member that no password opens.
type locked struct{ err error }

func (l locked) open() (stream, error) { return nil, l.err }
