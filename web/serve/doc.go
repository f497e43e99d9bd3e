// Package serve shows an archive in the browser: an overview, the list of cases, search, the report of each case drawn when it is asked for, notes,
// similar cases, and a form for uploads.
//
// [New] makes a [Server] of a store, [Server.Handler] is all of it as an [net/http.Handler], [Server.Run] listens. The package knows the network and the clock,
// and draws nothing: the pages come from package web.
//
// The threats it assumes: whoever can reach the port, pages of other origins in the browser of somebody who is logged in, names that are rebound to
// this machine, a bundle that is made to act in the browser, and a user who may see one customer's cases and wants to know of another's. So everything that is
// answered to a user is read through one view of the store that has their cases only ([index.Limiter]); a case that is not theirs looks as one that does not exist.
// Off the loopback addresses it wants to know who asks. Nothing of a bundle is sent as anything but text within a page of ours or a file to be saved.
//
// Where things stand: server.go has the routes and what surrounds all of them, guard.go what is refused, auth.go and users.go who asks and what they may see, store.go
// and catalogue.go what is known of the archive, and one file a page the rest.
package serve
