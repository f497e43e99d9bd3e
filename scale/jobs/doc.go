// Package jobs is the queue of a fleet on NATS JetStream: which uploads are to be analysed, what became of them, and which could not be.
//
// Three streams hold that, all on disk and, as [Options.Replicas] says, on several servers:
//
//	NAME-jobs      a work queue: a job is there until a worker has finished it. One job for each upload, labels and case; the same again is refused while it
//	               is there, and for [dedupWindow] after
//	NAME-results   the result of each job
//	NAME-dead      jobs that were given up, with the reason
//
// A worker takes a job ([Queue.Next]), says now and then that it is still at it ([Delivery.Working]), and ends it: [Delivery.Done], [Delivery.Retry] or
// [Delivery.Bury]. A job whose worker falls silent for [Options.AckWait] is given to another. So a job is worked on at least once, and may be
// twice; the archive takes care that its case is there once. A job that was handed out more often than [Options.Tries] is buried by whoever gets it, so
// that an upload which kills its workers does not go round for ever.
package jobs
