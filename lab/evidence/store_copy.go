package evidence

import (
	"errors"
	"fmt"
	"io"
)

// Save writes a bundle into a folder, new or without a bundle of its own.
func (b *Bundle) Save(dir string) error {
	s, err := NewStore(dir, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Copy(b); err != nil {
		return err
	}
	_, err = s.Seal(b.Manifest)
	return err
}

// Copy appends every file of a bundle to the store, as it is. Bytes, not records: give Seal the bundle's manifest, which says
// how many records there are.
func (s *Store) Copy(b *Bundle) error {
	for _, f := range b.Manifest.Files {
		if err := s.copyFile(b, f); err != nil {
			return fmt.Errorf("copying %s: %w", f.Name, err)
		}
	}
	return nil
}

func (s *Store) copyFile(b *Bundle, f File) error {
	in, err := b.OpenFile(f.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := s.Append(f.Name, f.Kind, f.Format)
	if err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			if _, err := out.WriteHeader(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
