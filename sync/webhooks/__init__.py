"""What sources announce by themselves: taken in, followed by reading again, and never believed."""
