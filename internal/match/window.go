package match

import (
	"math"
	"strings"
)

// commonWords stand in many logs of Windows, its Installer and its management agents, the most frequent first. They need not be
// complete, nor of the log's language: a poor choice of windows costs time, never a match.
const commonWords = `log time date type thread component context file error program policy install update location service client
	cpp success failed the for to of with from execution state installer package content software site code agent system manager
	windows property cache download local machine key command line value product version name id source setup component
	server user completed status data successfully found return started message changes not registry folder path action exit
	assignment request job evaluation scan event processing resource job management point distribution notification instance
	class transfer updates retry result process running current default directory configuration deployment task sequence
	inventory report microsoft executing copy feature destination info warning note debug module handle session object
	connection create delete open get set is in on exec ing tion ment all been does use using will can has
	account access security certificate id domain computer network host address provider protection program files
	enabled disabled detected required available active loaded ready initialize initializing complete end begin start stop`

// choose returns where in each member literal its window starts: where the grams are rarest. What is common is learned from
// commonWords, whose weight falls with their rank as words' frequencies do, and from the literals themselves: a gram that many share,
// as of "failed to", leads to many of them.
func (l *lane) choose(literals []literal, members []int) []int {
	size := l.width - l.stride + 1
	common := map[uint32]float64{}
	learn := func(text []byte, weight float64) {
		for i := 0; i+size <= len(text); i++ {
			common[l.gramOf(load(text[i:]))] += weight
		}
	}
	for rank, word := range strings.Fields(commonWords) {
		learn([]byte(" "+word+" "), 200/float64(20+rank))
	}
	for _, n := range members {
		learn(literals[n].folded, 1/float64(len(members)))
	}
	starts := make([]int, len(members))
	for i, n := range members {
		folded := literals[n].folded
		least := math.Inf(1)
		for start := 0; start+l.width <= len(folded); start++ {
			sum := 0.0
			for at := start; at < start+l.stride; at++ {
				sum += common[l.gramOf(load(folded[at:]))]
			}
			if sum < least {
				starts[i], least = start, sum
			}
		}
	}
	return starts
}
