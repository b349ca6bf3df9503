"""What coders wrote, from files of ELAN and BORIS and from tables -> one `Coding`; and back into such files."""
