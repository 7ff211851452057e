// Package wire is TLS as bytes: versions, cipher suites, groups, signature schemes, the ClientHello, the alert, and the
// outcome of an attempt. It knows no sockets and no security policies.
//
// Start with [ParseClientHello] for a handshake message or [HelloReader] for a byte stream of records.
package wire
