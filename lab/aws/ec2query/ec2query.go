// Package ec2query makes the five calls to Amazon EC2 that the lab needs, by EC2's own wire protocol: a form of parameters out, XML
// back (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html).
//
// Why not the SDK's own package: service/ec2 is 14 MB of source, a minute of every first build.
//
// Start with [New] and [Client.Do]; the calls with names are in calls.go.
package ec2query

import (
	"context"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/alblab/alblab/lab/aws/signed"
)

// Version of the API.
const Version = "2016-11-15"

// Error is what EC2 answers to a call that it refuses.
type Error = signed.Error

// Client calls EC2. All methods may be called from several goroutines.
type Client struct{ signed *signed.Client }

// New makes a client of an SDK configuration: its region, credentials, HTTP client and retryer. Where it has a BaseEndpoint,
// that is called.
func New(c aws.Config) *Client {
	return &Client{signed.New(c, signed.Service{Title: "EC2", Name: "ec2", Version: Version})}
}

// Do makes one call, repeated as the retryer says, and decodes the answer's XML into out, which may be nil. An answer that
// refuses is an *Error.
func (c *Client) Do(ctx context.Context, action string, params url.Values, out any) error {
	return c.signed.Query(ctx, action, params, out)
}
