package capture

import (
	"io"
	"iter"

	"github.com/alblab/alblab/lab/evidence"
)

// Connections is [ConversationsWithin] for large captures: a conversation, its hellos and its bytes are valid until the next
// step only, for their memory is used again.
func Connections(r io.Reader, o *evidence.Options, l *Limits) iter.Seq2[*Conversation, error] {
	return ConversationsWithin(r, o, l)
}
