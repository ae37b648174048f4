// Package matrix is the room between the records of a campaign and all who read
// them: the gate, the report and the exports. What goes in are the cells of
// record.Results; what comes out are
//
//  1. levels, the values that occur on an axis, in one order (Levels);
//  2. points, the parts of the matrix that have a value on each of some axes
//     (Points), and the cells in one (Point.Of);
//  3. samples, a metric of the executions in some cells, each with the name of its
//     workload, by which models, rates and runs are compared pair by pair (Sample);
//  4. roles, the part that each axis has in figures and tables (RolesOf).
//
// It needs the records only.
package matrix
