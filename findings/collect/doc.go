// Package collect turns a report's request into a script with which a customer collects what is asked for: plain lines for cmd.exe of Windows XP and
// later, with nothing but Windows' own tools, that a cautious person can read before running them.
//
// A request's words may hold strings from the bundle: paths, computer names, keys. Whoever made the bundle must not get a command into the script, nor
// make the customer's machine talk to another one, nor have a secret copied. So nothing of a request is passed on as it stands: each line is parsed,
// and only what is one of a closed list of reading commands, or a path with an ordinary extension, is written anew by the script's own
// grammar, with every argument checked and in quotes. Everything else is left to the customer, and the script says so.
package collect
