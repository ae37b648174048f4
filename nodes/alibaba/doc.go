// Package alibaba holds the shapes of batch jobs in a data centre: how many tasks
// a job has, how long its critical path is, and on which level of it the other
// tasks are.
//
// The numbers are empirical distributions of 2,857,851 jobs of the Alibaba cluster
// trace of 2018, made by H. Tian, Y. Zheng, W. Wang, "Characterizing and
// Synthesizing Task Dependencies of Data-Parallel Jobs in Alibaba Cloud", ACM SoCC
// 2019 (the paper's [33]), and published as text by C. Cicconetti, one of the
// paper's authors, with his simulator stateful-faas-sim; data/README.md has source
// and licence.
package alibaba
