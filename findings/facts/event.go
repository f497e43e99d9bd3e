package facts

import (
	"bytes"
	"html"
)

// tellingEvent returns what the kind of an event in XML begins with, its source and number, and what it says: its message if it was rendered, else its strings. data is where the event's
// own part begins, 0 for an event in another form.
func tellingEvent(text []byte) (head, says []byte, data int) {
	if !bytes.HasPrefix(text, []byte("<Event ")) {
		return nil, nil, 0
	}
	system, body, ok := bytes.Cut(text, []byte("</System>"))
	_, source, named := bytes.Cut(system, []byte("<Provider Name="))
	_, number, numbered := bytes.Cut(system, []byte("<EventID"))
	if !ok || !named || !numbered || len(source) == 0 {
		return nil, nil, 0
	}
	data = len(text) - len(body)
	source, _, _ = bytes.Cut(source[1:], source[:1]) // in either kind of quotation marks
	_, number, _ = bytes.Cut(number, []byte(">"))
	number, _, _ = bytes.Cut(number, []byte("<"))
	head = append(append(append(unescaped(source), ' '), bytes.TrimSpace(number)...), ": "...)
	if _, message, ok := bytes.Cut(body, []byte("<Message>")); ok {
		message, _, _ = bytes.Cut(message, []byte("</Message>"))
		return head, unescaped(message), data
	}
	// What stands between the tags of the event's own part; binary data is no text.
	for len(body) > 0 {
		var tag []byte
		tag, body, _ = bytes.Cut(body, []byte(">"))
		if bytes.HasPrefix(tag, []byte("</EventData")) || bytes.HasPrefix(tag, []byte("</UserData")) {
			break
		}
		value, rest, _ := bytes.Cut(body, []byte("<"))
		body = body[len(body)-len(rest):]
		if value = bytes.TrimSpace(unescaped(value)); len(value) > 0 && !bytes.HasPrefix(tag, []byte("<Binary")) && !bytes.HasPrefix(tag, []byte("Binary")) {
			if len(says) > 0 {
				says = append(says, "; "...)
			}
			says = append(says, bytes.Join(bytes.Fields(value), []byte(" "))...)
		}
	}
	if len(says) == 0 {
		head = bytes.TrimSuffix(head, []byte(": "))
	}
	return head, says, data
}

func unescaped(b []byte) []byte { return []byte(html.UnescapeString(string(b))) }
