package cli

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"edgebed/harness/record"
)

func baselineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Manage the results that later ones are compared with",
	}
	var reason, root, name string
	update := &cobra.Command{
		Use:   "update DIR --reason TEXT",
		Short: "Make a result the baseline, with the reason for it",
		Long: `Copy a result's records (packed), report and figures to ROOT/NAME, in place of what
is there, and append the reason to ROOT/log.md. Commit both.`,
		Example: `  edgebed baseline update results/regress --reason 'delay line with less CPU time'`,
		Args:    exactly(1, "a result folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return usage(errors.New("baseline update: say why with --reason"))
			}
			dir := filepath.Clean(args[0])
			if name == "" {
				name = filepath.Base(dir)
			}
			results, err := record.Read(dir)
			if err != nil {
				return usage(err)
			}
			if done := len(results.Complete()); done < results.Campaign.Cells {
				return usage(fmt.Errorf("baseline update: %s has %d of its %d cells; go on with it first", dir, done, results.Campaign.Cells))
			}
			target := filepath.Join(root, name)
			if err := copyBaseline(dir, target); err != nil {
				return fmt.Errorf("update baseline %s: %w", target, err)
			}
			c := results.Campaign
			entry := fmt.Sprintf("- %s, %s: %s (%s, profile %s, commit %s)\n", time.Now().UTC().Format(time.DateOnly), name,
				strings.Join(strings.Fields(reason), " "), c.Scenario, c.Profile, c.Tool.Commit)
			if err := appendText(filepath.Join(root, "log.md"), entry); err != nil {
				return fmt.Errorf("log the new baseline: %w", err)
			}
			fmt.Fprint(cmd.OutOrStdout(), entry)
			return nil
		},
	}
	update.Flags().StringVar(&reason, "reason", "", "why the baseline changes")
	update.Flags().StringVar(&root, "root", "results/baseline", "folder of the baselines")
	update.Flags().StringVar(&name, "name", "", "name of the baseline (default that of DIR)")
	cmd.AddCommand(update)
	return cmd
}

// copyBaseline puts what a baseline needs of a result folder in place of target.
// The old one goes only when the new one is complete.
func copyBaseline(dir, target string) error {
	fresh := target + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o777)); err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	records, packed := filepath.Join(dir, record.FileName), filepath.Join(fresh, record.FileName+".gz")
	err := pack(records, packed)
	if errors.Is(err, fs.ErrNotExist) { // packed already
		err = copyFile(records+".gz", packed)
	}
	if err != nil {
		return err
	}
	for _, pattern := range []string{"report.md", "*.svg", "*.png"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := copyFile(f, filepath.Join(fresh, filepath.Base(f))); err != nil {
				return err
			}
		}
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(fresh, target)
}

func pack(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	return errors.Join(err, z.Close(), out.Close())
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o666)
}

func appendText(name, text string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
