"""What stands on AWS: stacks, the Lambda, state machines, their costs and their removal."""
