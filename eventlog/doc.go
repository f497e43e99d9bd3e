// Package eventlog reads the event logs of Windows: .evtx of Windows Vista and later, and .evt of Windows NT to Server 2003.
//
// [NewReader] turns a log into the text that Windows itself shows of it (wevtutil qe /f:xml, the XML view of Event Viewer): one element Event after the other, each a line, in the order of their
// record numbers; line breaks within are written as character references. A log holds no messages: they stand in the libraries of the programs that wrote the events, so that the text has the numbers and the inserted strings.
//
// The bytes are hostile: every offset, length and count is checked against the bytes that exist, nothing is allocated from a declared size, recursion and the work for one event are bounded. What is damaged costs
// the events that it holds, and [Reader.Damage] says it.
//
// Sources: [MS-EVEN6] 2.2.12 to 2.2.16 (BinXml), the libyal notes on the Windows XML Event Log and the Windows Event Log formats, "EVENTLOGRECORD" and "Event Log File Format" (Windows SDK).
package eventlog
