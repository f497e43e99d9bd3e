package ingest

import (
	"context"

	"casebook/eventlog"
)

// eventsName is the member of an event log that holds its events as text.
const eventsName = "events.xml"

// eventLog lists the one member of an event log: its events as the XML that Windows shows, each on a line of its own. So they are read, quoted and verified like those that a customer exported.
func (u *unpacking) eventLog(ctx context.Context) error {
	if err := u.room(ctx); err != nil {
		return err
	}
	log, err := eventlog.NewReader(u.r, u.in.size)
	if err != nil {
		return err
	}
	in, damage, err := u.spool(ctx, log)
	if err != nil {
		return err
	}
	if damage == nil {
		damage = log.Damage()
	}
	if in.size == 0 && damage == nil {
		return nil // a log without events
	}
	return u.spooled(ctx, header{name: eventsName, size: -1}, in, damage)
}
