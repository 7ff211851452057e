package signatures

import "fmt"

// plural formats n with the first form if it is one, else with the second.
func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf(one, n)
	}
	return fmt.Sprintf(many, n)
}
