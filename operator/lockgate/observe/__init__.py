"""What gates look at, beside what a backend observes."""
