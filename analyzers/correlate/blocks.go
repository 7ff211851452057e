package correlate

// blockLen is the number of elements of a block; a power of two.
const blockLen = 1 << 12

// blocks is a list that grows without copying what it holds: a long slice that is appended to leaves several times its size
// behind as garbage.
type blocks[T any] struct {
	list [][]T
	n    int
}

// add appends v and returns its index.
func (b *blocks[T]) add(v T) int {
	i := b.n
	switch {
	case i == 0:
		b.list = [][]T{nil} // short lists stay short
	case i%blockLen == 0:
		b.list = append(b.list, make([]T, 0, blockLen))
	}
	last := &b.list[len(b.list)-1]
	*last = append(*last, v)
	b.n++
	return i
}

// at returns element i. The pointer is valid until the next call of add.
func (b *blocks[T]) at(i int32) *T { return &b.list[i/blockLen][i%blockLen] }

// all yields the elements in order.
func (b *blocks[T]) all(yield func(T) bool) {
	for _, l := range b.list {
		for _, v := range l {
			if !yield(v) {
				return
			}
		}
	}
}
