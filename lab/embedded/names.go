package embedded

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/alblab/alblab/lab/vnet"
)

// The lab's fixed names. Account ids and addresses are those that AWS's documentation and RFC 5737 and 3849 set aside.
const (
	account = "111122223333"
	region  = "us-east-1"
	host    = "lab.alblab.example"
	// targetGroup is the target group of listeners that forward, as metrics name it: the tail of its ARN.
	targetGroup = "targetgroup/alblab/0123456789abcdef"
)

// Clients that can be asked for by lab.Vantage, per address family.
const vantages = 64

// names are the identifiers that a real lab would get from AWS, made from the seed.
type names struct {
	loadBalancer string // app/alblab/<16 hex>
	webACL       string // arn:aws:wafv2:...
	vpc          string
	certificates func(i int) string // ARN of the i-th server certificate
	nodes        []node
	group        string                   // sg-...
	id           func(what string) string // 16 hex digits for a part of the lab, always the same
}

// node is one zone's load balancer node.
type node struct {
	vnet.Interface
	zone   string // us-east-1a, as metrics name it
	public netip.Addr
}

func newNames(seed uint64, zones int) names {
	rnd := rand.New(rand.NewPCG(seed, 0x616c626c6162)) // any second word, fixed: the names of a seed never change
	id := func(bytes int) string {
		b := make([]byte, 0, 16)
		for len(b) < bytes {
			b = binary.BigEndian.AppendUint64(b, rnd.Uint64())
		}
		return hex.EncodeToString(b[:bytes])
	}
	uuid := func() string {
		return fmt.Sprintf("%s-%s-4%s-a%s-%s", id(4), id(2), id(2)[1:], id(2)[1:], id(6))
	}
	n := names{
		loadBalancer: "app/alblab/" + id(8),
		webACL:       fmt.Sprintf("arn:aws:wafv2:%s:%s:regional/webacl/alblab/%s", region, account, uuid()),
		vpc:          "vpc-" + id(9)[:17],
	}
	certificates := map[int]string{}
	for i := range 16 {
		certificates[i] = fmt.Sprintf("arn:aws:acm:%s:%s:certificate/%s", region, account, uuid())
	}
	n.certificates = func(i int) string { return certificates[i%len(certificates)] }
	for z := range zones {
		subnet := byte(z + 1)
		n.nodes = append(n.nodes, node{
			Interface: vnet.Interface{
				ID:       "eni-" + id(9)[:17],
				SubnetID: "subnet-" + id(9)[:17],
				AZ:       fmt.Sprintf("use1-az%d", z+1),
				MAC:      net.HardwareAddr{0x02, 0, 0, 0, subnet, 10}, // locally administered
				IPv4:     netip.AddrFrom4([4]byte{10, 0, subnet, 10}),
				IPv6:     netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::10", subnet)),
			},
			zone:   region + string(rune('a'+z)),
			public: netip.AddrFrom4([4]byte{198, 51, 100, byte(10 * (z + 1))}),
		})
	}
	n.id = func(what string) string {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", n.loadBalancer, what))
		return hex.EncodeToString(sum[:8])
	}
	n.group = "sg-0" + n.id("security group")
	return n
}

// clientAddr is the address of a vantage point.
// ipv4 is the IPv4 address of a zone's node, from which it reaches targets of a target group of IP address type ipv4, whatever its clients
// come by (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html: IP address type).
func (n *names) ipv4(zone string) netip.Addr {
	for _, x := range n.nodes {
		if x.zone == zone {
			return x.IPv4
		}
	}
	panic("embedded: no node in zone " + zone)
}

func clientAddr(client int, v6 bool) netip.Addr {
	if v6 {
		a := netip.MustParseAddr("2001:db8::10").As16()
		a[15] += byte(client)
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + client)})
}

func clientAddrs() []netip.Addr {
	var all []netip.Addr
	for i := range vantages {
		all = append(all, clientAddr(i, false), clientAddr(i, true))
	}
	return all
}
