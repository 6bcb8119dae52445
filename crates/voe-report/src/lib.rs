//! Statistics, tables, charts and the viewer: folds of trajectories and grades.
