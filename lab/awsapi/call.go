package awsapi

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"
)

// service is one of AWS's services: its names on the wire and its operations.
type service struct {
	name       string // in a signature's scope: elasticloadbalancing
	namespace  string // of its XML documents
	version    string // of its Query protocol, "" if it has none
	target     string // before the dot in X-Amz-Target, "" if it has none
	cbor       string // in the path of rpc-v2-cbor, "" if it has none
	item       string // element name of list entries in XML
	protocols  []protocol
	operations map[string]operation
	// shapes are the names that errors have in JSON and CBOR where that is not the code of the Query protocol with
	// "Exception" behind it.
	shapes map[string]string
}

// operation answers one call.
type operation func(*call) (out, error)

// call is one call on its way.
type call struct {
	*Server
	ctx       context.Context
	r         *http.Request
	service   *service
	protocol  protocol
	operation string
	in        *input
	rid       string // request id
}

// now is the lab's time.
func (c *call) now() time.Time { return c.account.Now() }

// requestID returns an id in the form of AWS's.
func (s *Server) requestID() string {
	b := sha256.Sum256(fmt.Appendf(nil, "%d/%d", s.seed, s.requests.Add(1)))
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// out is a structure of an answer: its members in order. A member whose value is nil is left out.
type out []field

// field is a member of a structure. Values are string, bool, int, int64, float64, time.Time, out, list or nil.
type field struct {
	name  string
	value any
}

// list is a list of an answer.
type list []any

// orNil is a text, or nothing if it is empty.
func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
