"""What a policy's tests expect of it: requests and worlds, and whether all goes as expected."""
