// Command capacity computes what a fleet needs for a number of uploads a day: the tables of docs/scale.md.
//
//	go run ./internal/capacity -uploads 10000,100000,1000000
//
// It is a small model, not a measurement: the week of a support desk, minute by minute, with a queue that is worked off at the measured rate. Every number that goes in is a
// flag; docs/scale.md says which are measured.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

func main() {
	m := standard()
	flag.Float64Var(&m.rate, "rate", m.rate, "`MB` of decoded text that one processor analyses and indexes in a second")
	flag.Float64Var(&m.decoded, "decoded", m.decoded, "`MB` of decoded text in an upload, the mean")
	flag.Float64Var(&m.packed, "packed", m.packed, "`MB` of an upload as it is sent, the mean")
	flag.Float64Var(&m.stored, "stored", m.stored, "`share` of the decoded text that a case takes: records, index and report")
	flag.Float64Var(&m.wait, "wait", m.wait, "longest `minutes` that an upload may wait")
	flag.Float64Var(&m.days, "days", m.days, "`days` that cases and uploads are kept")
	flag.Float64Var(&m.bulk, "bulk", m.bulk, "`MB` of decoded text that one processor of the search cluster indexes in a second, one copy of it")
	flag.Float64Var(&m.cores, "cores", m.cores, "`number` of processors of a data node")
	flag.Float64Var(&m.node, "node", m.node, "`GB` that one data node holds")
	uploads := flag.String("uploads", "10000,100000,1000000", "`numbers` of uploads on a working day")
	flag.Parse()
	var loads []float64
	for s := range strings.SplitSeq(*uploads, ",") {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "capacity: %q is no number of uploads\n", s)
			os.Exit(2)
		}
		loads = append(loads, n)
	}
	if m.rate <= 0 || m.decoded <= 0 || m.packed <= 0 || m.wait <= 0 || m.bulk <= 0 || m.cores <= 0 || m.node <= 0 {
		fmt.Fprintln(os.Stderr, "capacity: rates, sizes and the wait are greater than 0")
		os.Exit(2)
	}
	m.tables(os.Stdout, loads)
}

// model is what goes in. Sizes are decimal.
type model struct {
	rate    float64 // MB decoded a processor-second, with index
	decoded float64 // MB of an upload
	packed  float64 // MB
	stored  float64 // of the decoded text
	wait    float64 // minutes
	days    float64
	bulk    float64 // MB decoded a second and processor of a data node, for one copy
	cores   float64 // processors of a data node
	node    float64 // GB a data node
	shard   float64 // GB of a primary shard
	copies  float64 // of each shard, the primary included
}

// standard is the model of docs/scale.md.
func standard() model {
	return model{rate: 20, decoded: 100, packed: 10, stored: 0.29, wait: 30, days: 90, bulk: 30, cores: 8, node: 2000, shard: 30, copies: 2}
}

// week is how many uploads come in each hour from Monday 00:00 on, as shares of a working day: two thirds within eight hours, and a tenth as many at the weekend.
func week() []float64 {
	var day [24]float64
	sum := 0.0
	for h := range day {
		day[h] = 1
		if h >= 8 && h < 18 {
			day[h] = 4
		}
		if h >= 9 && h < 11 || h >= 13 && h < 15 {
			day[h] = 6
		}
		sum += day[h]
	}
	var out []float64
	for d := range 7 {
		for h := range day {
			share := day[h] / sum
			if d >= 5 {
				share /= 10
			}
			out = append(out, share)
		}
	}
	return out
}

// backlog is how a week goes.
type backlog struct {
	wait float64 // minutes that the last upload in the longest queue waits
	most float64 // uploads in it
}

// run lets a week of uploads meet processors that are all there but from the hour down on, for so many hours.
func (m model) run(uploads, processors float64, from, down int) backlog {
	var b backlog
	perMinute := processors * m.rate * 60 / m.decoded // uploads
	queue := 0.0
	for hour, share := range week() {
		for range 60 {
			queue += uploads * share / 60
			if hour < from || hour >= from+down {
				queue = math.Max(0, queue-perMinute)
			}
			b.most = math.Max(b.most, queue)
			b.wait = math.Max(b.wait, queue/perMinute)
		}
	}
	return b
}

// processors is the smallest number with which nobody waits longer than is allowed.
func (m model) processors(uploads float64) float64 {
	low, high := 0.0, 1.0
	for m.run(uploads, high, 0, 0).wait > m.wait {
		low, high = high, high*2
	}
	for high-low > 1 {
		if middle := math.Floor((low + high) / 2); m.run(uploads, middle, 0, 0).wait > m.wait {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// tables writes the tables as Markdown.
func (m model) tables(w io.Writer, loads []float64) {
	row := func(name string, cell func(uploads float64) string) {
		fmt.Fprintf(w, "| %s |", name)
		for _, n := range loads {
			fmt.Fprintf(w, " %s |", cell(n))
		}
		fmt.Fprintln(w)
	}
	const monday8 = 8                                                                           // o'clock
	daily := func(n, megabytes float64) float64 { return n * (5 + 0.2) / 7 * megabytes / 1000 } // GB, the mean over a week
	row("uploads on a working day", count)
	row("---", func(float64) string { return "---" })
	row("decoded text a working day", func(n float64) string { return gigabytes(n * m.decoded / 1000) })
	row(fmt.Sprintf("processors, so that nobody waits longer than %.0f minutes", m.wait), func(n float64) string { return count(m.processors(n)) })
	row("workers of 4 processors (`-j 4`, 4 GiB)", func(n float64) string { return count(math.Ceil(m.processors(n) / 4)) })
	row("busy over the week", func(n float64) string {
		return fmt.Sprintf("%.0f %%", 100*n*(5+0.2)*m.decoded/(m.processors(n)*m.rate*7*86400))
	})
	row("longest queue on an ordinary day", func(n float64) string { return count(m.run(n, m.processors(n), 0, 0).most) + " jobs" })
	row("longest wait when all workers are away from 8 to 12", func(n float64) string {
		return fmt.Sprintf("%.1f h", m.run(n, m.processors(n), monday8, 4).wait/60)
	})
	row("jobs in the queue then", func(n float64) string { return count(m.run(n, m.processors(n), monday8, 4).most) })
	row("network into the workers, at the peak", func(n float64) string {
		return fmt.Sprintf("%.0f MB/s", m.processors(n)*m.rate/m.decoded*m.packed)
	})
	row(fmt.Sprintf("uploads in object storage, %.0f days", m.days), func(n float64) string { return gigabytes(daily(n, m.packed) * m.days) })
	row(fmt.Sprintf("cases in the archive, %.0f days, one copy", m.days), func(n float64) string { return gigabytes(daily(n, m.decoded*m.stored) * m.days) })
	row(fmt.Sprintf("primary shards of %.0f GB", m.shard), func(n float64) string {
		return count(math.Ceil(daily(n, m.decoded*m.stored) * m.days / m.shard))
	})
	row(fmt.Sprintf("data nodes by room (%.0f GB each, %.0f copies)", m.node, m.copies), func(n float64) string {
		return count(math.Max(3, math.Ceil(m.nodesByRoom(daily(n, m.decoded*m.stored)*m.days))))
	})
	row("data nodes by indexing, at the peak", func(n float64) string { return count(math.Max(3, math.Ceil(m.nodesByRate(n)))) })
	row("what is short first", func(n float64) string {
		switch byRoom, byRate := m.nodesByRoom(daily(n, m.decoded*m.stored)*m.days), m.nodesByRate(n); {
		case math.Max(byRoom, byRate) <= 3:
			return "processors of the workers"
		case byRoom >= byRate:
			return "room in the search cluster"
		default:
			return "indexing in the search cluster"
		}
	})
}

// nodesByRoom is how many data nodes hold so many GB with their copies, at most 80 % full.
func (m model) nodesByRoom(gb float64) float64 { return gb * m.copies / (m.node * 0.8) }

// nodesByRate is how many data nodes index what all workers make at the peak; every copy is indexed again.
func (m model) nodesByRate(uploads float64) float64 {
	return m.processors(uploads) * m.rate * m.copies / (m.bulk * m.cores)
}

// count is a number with commas.
func count(n float64) string {
	s := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// gigabytes is a size with three digits.
func gigabytes(n float64) string {
	switch {
	case n >= 100_000:
		return count(n/1000) + " TB"
	case n >= 1000:
		return strconv.FormatFloat(n/1000, 'g', 3, 64) + " TB"
	}
	return strconv.FormatFloat(n, 'g', 3, 64) + " GB"
}
