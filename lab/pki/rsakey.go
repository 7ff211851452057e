package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"math/big"
	"runtime"
	"slices"
)

// A lab answers its first client within 100 ms of its start, with a key that nobody has seen. crypto/rsa.GenerateKey takes
// about 100 ms for a key of 2048 bits, because it looks for one prime after the other on one core and sieves with few
// small primes; this search uses all cores and a deep sieve, which halves the tests and then divides them by the cores.
// What counts for a key's soundness stays with the standard library: random bits, the primality test, and
// rsa.PrivateKey.Validate.

// newRSA makes an RSA key of that many bits. With four primes (RFC 8017, section 3.2) one is found in a fifth of the time,
// but signs four times slower: good for a CA that signs once. Its public part does not tell.
func newRSA(bits, primes int) (*rsa.PrivateKey, error) {
	e := big.NewInt(65537)
	for {
		found, err := newPrimes(bits, primes)
		if err != nil {
			return nil, fmt.Errorf("making an RSA key: %w", err)
		}
		n, totient, one := big.NewInt(1), big.NewInt(1), big.NewInt(1)
		for _, p := range found {
			n.Mul(n, p)
			totient.Mul(totient, new(big.Int).Sub(p, one))
		}
		d := new(big.Int).ModInverse(e, totient)
		if d == nil || n.BitLen() != bits { // e divides a p-1: one key in 20,000
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: int(e.Int64())}, D: d, Primes: found}
		key.Precompute()
		if key.Validate() == nil { // else, two primes are equal: never seen
			return key, nil
		}
	}
}

// newPrimes finds primes whose product has that many bits. Every core looks for one, and then for the next, until there are
// enough: to wait until each has found its own would take half as long again.
func newPrimes(bits, count int) ([]*big.Int, error) {
	small := newSieve(bits / count)
	type result struct {
		p   *big.Int
		err error
	}
	results := make(chan result)
	stop := make(chan struct{})
	defer close(stop)
	sizes := make([]int, count)
	for i := range sizes {
		sizes[i] = (bits + i) / count
	}
	for worker := range max(runtime.GOMAXPROCS(0), 1) {
		go func() {
			for n := worker; ; n++ {
				var r result
				r.p, r.err = newPrime(sizes[n%count], small, stop)
				select {
				case results <- r:
				case <-stop:
					return
				}
			}
		}()
	}
	var found []*big.Int
	for wanted := sizes; len(wanted) > 0; {
		r := <-results
		if r.err != nil {
			return nil, r.err
		}
		if i := slices.Index(wanted, r.p.BitLen()); i >= 0 {
			found, wanted = append(found, r.p), slices.Concat(wanted[:i], wanted[i+1:])
		}
	}
	return found, nil
}

// sieveSpan is how many odd numbers after a random one are looked at: between 1024-bit primes lie 355 on average.
const sieveSpan = 1 << 12

// newPrime is a random prime whose three highest bits are set, so that a product of up to four has all its bits.
func newPrime(bits int, small *sieve, stop <-chan struct{}) (*big.Int, error) {
	b := make([]byte, (bits+7)/8)
	composite := make([]bool, sieveSpan)
	start, p, word := new(big.Int), new(big.Int), new(big.Int)
	for {
		if _, err := io.ReadFull(rand.Reader, b); err != nil {
			return nil, err
		}
		start.SetBytes(b)
		for i := bits; i < len(b)*8; i++ {
			start.SetBit(start, i, 0)
		}
		for i := bits - 3; i < bits; i++ {
			start.SetBit(start, i, 1)
		}
		start.SetBit(start, 0, 1)
		clear(composite)
		small.mark(start, composite)
		for i, c := range composite {
			if c {
				continue
			}
			select {
			case <-stop:
				return nil, io.ErrClosedPipe // nobody waits for it
			default:
			}
			runtime.Gosched() // a test takes a millisecond, and the lab is starting meanwhile
			p.Add(start, word.SetUint64(2*uint64(i)))
			// Baillie-PSW, for which no composite is known that passes.
			if p.BitLen() == bits && p.ProbablyPrime(0) {
				return p, nil
			}
		}
	}
}

// sieve finds the multiples of small primes among odd numbers.
type sieve struct {
	groups []group
}

// group is three primes and their product, below 2^63: a division of a number of 1024 bits costs more than three of 64.
type group struct {
	product uint64
	primes  [3]uint64
}

// newSieve makes a sieve that is worth its time for primes of that many bits: twice the small primes spare a twentieth of the
// tests, whose cost grows with the third power of the bits.
func newSieve(bits int) *sieve {
	limit := 1 << 14
	if bits >= 1000 {
		limit = 1 << 17
	}
	var s sieve
	list := smallPrimes(limit)
	for len(list)%3 != 0 {
		list = append(list, list[0]) // once more does no harm
	}
	for p := range slices.Chunk(list, 3) {
		s.groups = append(s.groups, group{p[0] * p[1] * p[2], [3]uint64(p)})
	}
	return &s
}

// mark sets composite[i] where the odd number start + 2i is a multiple of a small prime.
func (s *sieve) mark(start *big.Int, composite []bool) {
	word, rest := new(big.Int), new(big.Int)
	for _, g := range s.groups {
		of := rest.Mod(start, word.SetUint64(g.product)).Uint64()
		for _, p := range g.primes {
			next := p - of%p // start+next is a multiple, maybe an even one
			if next%2 == 1 {
				next += p
			}
			for i := next / 2 % p; i < uint64(len(composite)); i += p {
				composite[i] = true
			}
		}
	}
}

// smallPrimes are the odd primes below a limit.
func smallPrimes(limit int) []uint64 {
	composite := make([]bool, limit)
	var list []uint64
	for i := 3; i < limit; i += 2 {
		if composite[i] {
			continue
		}
		list = append(list, uint64(i))
		for j := i * i; j < limit; j += 2 * i {
			composite[j] = true
		}
	}
	return list
}
