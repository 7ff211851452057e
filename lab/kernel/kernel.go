// Package kernel is a network whose TCP is the Linux kernel's on both sides: the clients are programs of this computer, and the
// load balancer listens on the kernel's own sockets. Each side has a network namespace of its own; the wire between them is
// this package's, so that it sees every packet as the load balancer's interface would, whole and no longer than the MTU, and
// can lose, delay and double it.
//
// Start with [Command], which runs a program in a user and network namespace of its own, without root where the kernel allows
// it; there call [New]. It is for measuring the analyzers with packets that we did not make. Other systems than Linux have
// none of it.
package kernel

import (
	"errors"
	"net/netip"

	"github.com/alblab/alblab/lab/vnet"
)

// ErrUnavailable is wrapped by errors of New where the system has no such namespaces or devices, or does not let us have them.
var ErrUnavailable = errors.New("the kernel lets us have no network of our own")

// Path is a way from the clients to an address of a load balancer's node.
type Path struct {
	To   netip.Addr // a node's address
	From netip.Addr // the clients' address on this way
	MTU  int        // of the way; 0: 1500
}

// Config describes a Network. Of VNet, Clock (the wall's), Nodes, Ingress, Tap and Fault are used.
type Config struct {
	VNet  vnet.Config
	Paths []Path
}

// mtu is that of both ends of the wire.
const mtu = 1500
